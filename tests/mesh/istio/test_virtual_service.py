"""The normalised view of a VirtualService."""

from __future__ import annotations

from mesh.istio.virtual_service import Destination, virtual_service

OBJECT = {
    "kind": "VirtualService",
    "metadata": {"name": "reviews", "namespace": "shop"},
    "spec": {
        "hosts": ["reviews", "*.example.com"],
        "gateways": ["mesh", "front", "infra/front"],
        "http": [
            {"match": [{"gateways": ["front"]}, None], "route": [{"destination": {"host": "reviews", "subset": "v1"}}]},
            {"name": "rest", "route": [{"destination": {"host": "a.b", "port": {"number": "80"}}, "weight": 3}]},
        ],
    },
}


def test_names_are_qualified_by_the_rules_namespace() -> None:
    found = virtual_service(OBJECT)
    assert found.hosts == ("reviews.shop.svc.cluster.local", "*.example.com")
    assert found.gateways == ("mesh", "shop/front", "infra/front")
    assert found.for_mesh
    assert found.http[0].matches == ({"gateways": ["shop/front"]}, {})
    assert found.http[0].destinations[0].destination == Destination("reviews.shop.svc.cluster.local", "v1")


def test_rules_are_numbered() -> None:
    rule = virtual_service(OBJECT).http[1]
    assert (rule.index, rule.name, rule.matches) == (1, "rest", ())
    assert rule.destinations[0].destination == Destination("a.b", "", 80)
    assert rule.destinations[0].weight == 3


def test_without_gateways_it_is_for_the_mesh() -> None:
    assert virtual_service({"metadata": {"name": "a"}, "spec": {"hosts": ["a"]}}).gateways == ("mesh",)
    assert not virtual_service({"metadata": {"name": "a"}, "spec": {"gateways": ["g"]}}).for_mesh
