"""Location headers as Envoy builds them."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.refusal import Refused
from sidecar.config.route_action import DirectResponseAction, RedirectAction
from sidecar.config.route_match import RouteMatch
from sidecar.routing.redirect import DirectResponse, Redirect
from tests.sidecar.routing.requests import get


@pytest.mark.parametrize(
    ("action", "url", "location"),
    [
        ({}, ("http", "a", "/p?q"), "http://a/p?q"),
        ({"https_redirect": True}, ("http", "a", "/p"), "https://a/p"),
        ({"https_redirect": True}, ("http", "a:80", "/p"), "https://a/p"),
        ({"https_redirect": True}, ("http", "a:8080", "/p"), "https://a:8080/p"),
        ({"https_redirect": True, "port_redirect": 8443}, ("http", "a:8080", "/p"), "https://a:8443/p"),
        ({"scheme_redirect": "HTTP"}, ("https", "a:443", "/"), "http://a/"),
        ({"host_redirect": "b"}, ("http", "a:8080", "/p"), "http://b/p"),
        ({"host_redirect": "b", "port_redirect": 81}, ("http", "a", "/p"), "http://b:81/p"),
        ({"port_redirect": 81}, ("http", "[::1]:80", "/p"), "http://[::1]:81/p"),
        ({"path_redirect": "/new"}, ("http", "a", "/old?q=1"), "http://a/new?q=1"),
        ({"path_redirect": "/new?own"}, ("http", "a", "/old?q=1"), "http://a/new?own"),
        ({"path_redirect": "/new", "strip_query": True}, ("http", "a", "/old?q=1"), "http://a/new"),
        ({"prefix_rewrite": "/new"}, ("http", "a", "/old/x?q=1"), "http://a/new/x?q=1"),
        ({"strip_query": True}, ("http", "a", "/old/x?q=1"), "http://a/old/x"),
        (
            {"regex_rewrite": {"pattern": {"regex": "^/old/(.*)$"}, "substitution": r"/\1/new"}},
            ("http", "a", "/old/x?q"),
            "http://a/x/new?q",
        ),
    ],
)
def test_location(action: dict[str, Any], url: tuple[str, str, str], location: str) -> None:
    redirect = Redirect(RouteMatch(prefix="/old"), decode(RedirectAction, action))
    scheme, host, path = url
    assert redirect.location(get(path, host, scheme=scheme)).decode() == location


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("MOVED_PERMANENTLY", 301),
        ("FOUND", 302),
        ("SEE_OTHER", 303),
        ("TEMPORARY_REDIRECT", 307),
        ("PERMANENT_REDIRECT", 308),
    ],
)
def test_status(code: str, status: int) -> None:
    assert Redirect(RouteMatch(prefix="/"), decode(RedirectAction, {"response_code": code})).status == status


def test_direct_response() -> None:
    action = decode(DirectResponseAction, {"status": 418, "body": {"inline_string": "tea"}})
    response = DirectResponse(action, body_bytes_max=3)
    assert (response.status, response.body) == (418, b"tea")
    with pytest.raises(Refused, match="3 bytes are more than the 2 allowed"):
        DirectResponse(action, body_bytes_max=2)
