"""Decisions applied to requests."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.protocol.message import RequestHead
from sidecar.routing.decision import Mirror
from sidecar.telemetry.record import ExchangeRecord
from tests.sidecar.routing.requests import configuration, get, table


def edited(route: dict[str, Any], head: RequestHead) -> RequestHead:
    decision = table(configuration({"match": {"prefix": "/old"}, **route})).route(head)
    assert decision is not None
    decision.edit_request(head, ExchangeRecord())
    return head


def test_edits_see_the_request_before_its_rewrites() -> None:
    head = edited(
        {
            "route": {"cluster": "c", "prefix_rewrite": "/new", "host_rewrite_literal": "b"},
            "request_headers_to_add": [{"header": {"key": "x-was", "value": "%REQ(:authority)%%REQ(:path)%"}}],
        },
        get("/old/x?q"),
    )
    assert (head.authority, head.path) == (b"b", b"/new/x?q")
    assert head.headers.get(b"x-was") == b"a/old/x?q"
    assert head.headers.get(b"x-envoy-original-path") == b"/old/x?q"


def test_controls_for_the_proxy_go_no_further() -> None:
    head = edited(
        {"route": {"cluster": "c"}}, get("/old", x_envoy_max_retries="1", x_envoy_retry_on="5xx", x_other="1")
    )
    assert list(head.headers) == [(b"x-other", b"1")]


@pytest.mark.parametrize(("literal", "host"), [("route-host", b"route-host"), ("", b"weight-host")])
def test_the_routes_host_wins_over_the_clusters(literal: str, host: bytes) -> None:
    clusters = [{"name": "c", "weight": 1, "host_rewrite_literal": "weight-host"}]
    action: dict[str, Any] = {"weighted_clusters": {"clusters": clusters}}
    if literal:
        action["host_rewrite_literal"] = literal
    assert edited({"route": action}, get("/old")).authority == host


@pytest.mark.parametrize(
    ("authority", "host"), [(b"a", b"a-shadow"), (b"a:80", b"a-shadow:80"), (b"[::1]:80", b"[::1]-shadow:80")]
)
def test_a_mirrors_host(authority: bytes, host: bytes) -> None:
    assert Mirror("c").host(authority) == host
    assert Mirror("c", shadow_host=False).host(authority) == authority
