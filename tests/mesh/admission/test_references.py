"""Warnings for hosts and subsets that nobody defines."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.admission.references import defined_subsets, reference_warnings

REVIEWS = "reviews.shop.svc.cluster.local"
HOSTS = {REVIEWS, "*.example.com"}
RULE = {
    "kind": "DestinationRule",
    "metadata": {"namespace": "shop"},
    "spec": {"host": "reviews", "subsets": [{"name": "v1"}, {"name": "v2"}]},
}
SUBSETS = defined_subsets([RULE])


def virtual_service(*destinations: dict[str, Any], kind: str = "http", **more: Any) -> dict[str, Any]:
    route = [{"destination": destination} for destination in destinations]
    return {
        "kind": "VirtualService",
        "metadata": {"namespace": "shop", "name": "v"},
        "spec": {kind: [{"route": route, **more}]},
    }


def test_defined_subsets() -> None:
    assert {REVIEWS: {"v1", "v2"}} == SUBSETS


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (virtual_service({"host": "reviews", "subset": "v1"}), []),
        (virtual_service({"host": REVIEWS, "subset": "v2"}), []),
        (virtual_service({"host": "api.example.com"}), []),
        (virtual_service({"host": "reviews", "subset": "v3"}), ["route[0].destination.subset", "v3"]),
        (virtual_service({"host": "nope"}), ["route[0].destination.host", "nope.shop.svc.cluster.local"]),
        (virtual_service({"host": "nope", "subset": "x"}, kind="tcp"), ["spec.tcp[0]"]),
        (virtual_service({"host": "reviews"}, mirror={"host": "gone"}), ["spec.http[0].mirror.host"]),
        (virtual_service({"host": "reviews"}, mirrors=[{"destination": {"host": "gone"}}]), ["mirrors[0]"]),
        ({"kind": "Gateway", "spec": {}}, []),
        ({"kind": "VirtualService", "spec": None}, []),
    ],
)
def test_warnings(obj: dict[str, Any], words: list[str]) -> None:
    found = reference_warnings(obj, HOSTS, SUBSETS)
    assert bool(found) is bool(words)
    assert all(word in found[0] for word in words)
