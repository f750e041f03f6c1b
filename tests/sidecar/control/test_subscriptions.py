"""Requests as incremental xDS wants them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from sidecar.control.subscriptions import (
    CLUSTER,
    ENDPOINTS,
    LISTENER,
    NAME_TABLE,
    ROUTES,
    Entry,
    Response,
    Subscriptions,
)

NODE = {"id": "sidecar~10.0.0.1~a.b~b.svc.cluster.local"}


def entry(name: str, version: str = "1") -> Entry:
    return Entry(name, msgspec.Raw(b'{"name":"x"}'), version)


def read(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_first_requests() -> None:
    subscriptions = Subscriptions(NODE)
    first = read(subscriptions.open({ENDPOINTS: {"b", "a"}, ROUTES: set()}))
    assert first == [
        {"type_url": CLUSTER, "node": NODE, "resource_names_subscribe": ["*"]},
        {"type_url": LISTENER, "resource_names_subscribe": ["*"]},
        {"type_url": NAME_TABLE, "resource_names_subscribe": ["*"]},
        {"type_url": ENDPOINTS, "resource_names_subscribe": ["a", "b"]},
    ]


def test_a_new_stream_says_what_is_held() -> None:
    subscriptions = Subscriptions(NODE)
    subscriptions.hold(CLUSTER, entry("c", "7"))
    subscriptions.hold(ENDPOINTS, entry("a", "3"))
    lines = read(subscriptions.open({ENDPOINTS: {"a", "b"}}))
    assert lines[0]["initial_resource_versions"] == {"c": "7"}
    assert lines[-1]["initial_resource_versions"] == {"a": "3"}
    assert "node" in lines[0]
    assert "node" not in lines[1]


def test_follow_asks_for_the_difference_and_forgets() -> None:
    subscriptions = Subscriptions(NODE)
    subscriptions.open({ENDPOINTS: {"a", "b"}})
    subscriptions.hold(ENDPOINTS, entry("a"))
    [request] = read(subscriptions.follow({ENDPOINTS: {"b", "c"}}))
    assert request == {
        "type_url": ENDPOINTS,
        "resource_names_subscribe": ["c"],
        "resource_names_unsubscribe": ["a"],
    }
    assert subscriptions.held[ENDPOINTS] == {}
    assert subscriptions.follow({ENDPOINTS: {"b", "c"}}) == []


def test_own_secrets_are_not_asked_for() -> None:
    subscriptions = Subscriptions(NODE)
    kinds = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
    assert read(subscriptions.open({kinds: {"default", "ROOTCA", "kubernetes://web"}}))[-1][
        "resource_names_subscribe"
    ] == ["kubernetes://web"]


def test_answers() -> None:
    subscriptions = Subscriptions(NODE)
    response = Response(CLUSTER, "n1")
    assert json.loads(subscriptions.answer(response, "")) == {"type_url": CLUSTER, "response_nonce": "n1"}
    refused = json.loads(subscriptions.answer(response, "a.b: no"))
    assert refused["error_detail"] == {"code": 3, "message": "a.b: no"}
    assert len(json.loads(subscriptions.answer(response, "x" * 9999))["error_detail"]["message"]) == 2048
