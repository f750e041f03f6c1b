"""Node ids, and which of them a certificate supports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.ca.identity import Identity
from mesh.registry.model import Workload
from mesh.xds.node import Node, check_node, parse_node

WORKLOAD = Workload(
    name="reviews-1", namespace="shop", ip="10.244.0.7", labels={}, service_account="reviews", injected=True
)
IDENTITY = Identity("cluster.local", "shop", "reviews")
NODE = Node("sidecar", "10.244.0.7", "reviews-1", "shop")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("sidecar~10.244.0.7~reviews-1.shop~shop.svc.cluster.local", NODE),
        ("router~127.0.0.1~a.b.shop~shop.svc.cluster.local", Node("router", "127.0.0.1", "a.b", "shop")),
        ("ztunnel~10.244.0.7~a.shop~x", None),
        ("sidecar~10.244.0.7~shop~x", None),
        ("sidecar~10.244.0.7~.shop~x", None),
        ("sidecar~10.244.0.7~a.shop", None),
        ("", None),
        ("sidecar~a~b.c~d~e", None),
    ],
)
def test_parse(text: str, node: Node | None) -> None:
    assert parse_node(text) == node


def test_round_trip_with_the_registry() -> None:
    assert parse_node(WORKLOAD.node_id) == NODE


@pytest.mark.parametrize(
    ("node", "identity", "why"),
    [
        (replace(NODE, namespace="other"), IDENTITY, "the certificate is of"),
        (replace(NODE, pod="reviews-2"), IDENTITY, "no such pod"),
        (NODE, replace(IDENTITY, service_account="ratings"), "the certificate is of"),
        (NODE, replace(IDENTITY, namespace="other"), "the certificate is of"),
        (replace(NODE, ip="10.244.0.8"), IDENTITY, "address is 10.244.0.7"),
        (replace(NODE, kind="router"), IDENTITY, "is a sidecar"),
    ],
)
def test_refused(node: Node, identity: Identity, why: str) -> None:
    answer = check_node(node, identity, {WORKLOAD.key: WORKLOAD})
    assert isinstance(answer, str)
    assert why in answer


def test_believed() -> None:
    assert check_node(NODE, IDENTITY, {WORKLOAD.key: WORKLOAD}) is WORKLOAD
