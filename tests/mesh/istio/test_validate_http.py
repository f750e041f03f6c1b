"""Rules of http[] beyond Istio's table."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_http import check_http_rule

ROUTE = [{"destination": {"host": "a"}}]


def errors(rule: dict[str, Any], *, delegate: bool = False, gateway_only: bool = False) -> list[str]:
    found = Findings()
    check_http_rule(found, rule, delegate=delegate, gateway_only=gateway_only)
    return [message.path for message in found.errors]


@pytest.mark.parametrize(
    ("rule", "paths"),
    [
        ({"route": ROUTE, "timeout": "0s"}, []),
        ({"route": ROUTE, "timeout": "0.0001s"}, ["timeout"]),
        ({"route": ROUTE, "match": [{"headers": {"a": {"prefix": ""}}}]}, ["match[0].headers[a].prefix"]),
        ({"route": ROUTE, "match": [{"uri": {"regex": "("}}]}, ["match[0].uri.regex"]),
        ({"route": ROUTE, "retries": {"attempts": 1, "retryOn": "600"}}, ["retries.retryOn"]),
        ({"route": ROUTE, "retries": {"attempts": -1}}, ["retries.attempts"]),
        ({"route": ROUTE, "mirror": {"host": "b"}, "mirrors": [{"destination": {"host": "c"}}]}, ["mirrors"]),
        ({"route": ROUTE, "fault": {"abort": {"http2Error": "x"}}}, ["fault.abort.http2Error"]),
        ({"route": ROUTE, "fault": {"abort": {"grpcStatus": "NOPE"}}}, ["fault.abort.grpcStatus"]),
        ({"route": ROUTE, "fault": {"delay": {"fixedDelay": "0.1ms"}}}, ["fault.delay.fixedDelay"]),
        ({"route": ROUTE, "rewrite": {"uri": "/", "uriRegexRewrite": {"match": "a", "rewrite": "b"}}},
         ["rewrite.uriRegexRewrite"]),
        ({"route": ROUTE, "rewrite": {"authority": "a"}, "headers": {"request": {"set": {"Host": "b"}}}},
         ["rewrite.authority"]),
        ({"directResponse": {"status": 200, "body": {"bytes": "%%"}}}, ["directResponse.body.bytes"]),
        ({"directResponse": {"status": 200, "body": {"string": "x" * (1024 * 1024 + 1)}}}, ["directResponse.body"]),
        ({"redirect": {"uri": "/", "scheme": "ftp"}}, ["redirect.scheme"]),
    ],
)  # fmt: skip
def test_rules(rule: dict[str, Any], paths: list[str]) -> None:
    assert errors(rule) == paths


def test_claims_need_a_gateway() -> None:
    rule = {"route": ROUTE, "match": [{"headers": {"@request.auth.claims.a": {"exact": "b"}}}]}
    assert errors(rule)
    assert not errors(rule, gateway_only=True)


def test_a_large_body_is_warned_about() -> None:
    found = Findings()
    rule = {"directResponse": {"status": 200, "body": {"string": "x" * 200_000}}}
    check_http_rule(found, rule, delegate=False, gateway_only=False)
    assert found.errors == []
    assert found.warnings[0].path == "directResponse.body"
