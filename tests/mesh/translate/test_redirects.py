"""Redirects and direct responses."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.translate.redirects import direct_response, redirect_action


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"uri": "/a"}, {"response_code": "MOVED_PERMANENTLY", "path_redirect": "/a"}),
        ({"authority": "b", "redirectCode": 307}, {"response_code": "TEMPORARY_REDIRECT", "host_redirect": "b"}),
        ({"scheme": "https", "port": 443}, {"response_code": "MOVED_PERMANENTLY", "scheme_redirect": "https"}),
        ({"port": 80}, {"response_code": "MOVED_PERMANENTLY"}),
        ({"port": 8080}, {"response_code": "MOVED_PERMANENTLY", "port_redirect": 8080}),
        ({"derivePort": "FROM_REQUEST_PORT"}, {"response_code": "MOVED_PERMANENTLY", "port_redirect": 9080}),
        ({"prefixRewrite": "/b"}, {"response_code": "MOVED_PERMANENTLY", "prefix_rewrite": "/b"}),
        ({"uri": "/a", "redirectCode": 305}, None),
    ],
)
def test_redirect(spec: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert redirect_action(spec, port=9080, tls=False) == expected


def test_direct_response() -> None:
    assert direct_response({"status": 418, "body": {"string": "x"}}) == {"status": 418, "body": {"inline_string": "x"}}
    assert direct_response({"status": 200, "body": {"bytes": "eA=="}})["body"] == {"inline_bytes": "eA=="}
    assert direct_response({"status": 204}) == {"status": 204}
