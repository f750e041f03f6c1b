"""Which VirtualService counts for a host, in the mesh and on gateways."""

from __future__ import annotations

from typing import Any

from mesh.istio.config import IstioConfig, rule_for_host


def service(name: str, host: str, created: str, **spec: Any) -> dict[str, Any]:
    return {
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": spec.pop("namespace", "default"), "creationTimestamp": created},
        "spec": {"hosts": [host], "http": [{"route": []}], **spec},
    }


def config(*services: dict[str, Any]) -> IstioConfig:
    return IstioConfig({"VirtualService": services}, root_namespace="istio-system")


def test_in_the_mesh_the_oldest_rule_of_a_host_counts() -> None:
    found = config(service("new", "reviews", "2"), service("old", "reviews", "1")).mesh_virtual_services("default")
    assert found["reviews.default.svc.cluster.local"].meta.name == "old"


def test_rules_for_gateways_only_are_not_the_meshs() -> None:
    found = config(service("a", "a.com", "1", gateways=["front"]))
    assert found.mesh_virtual_services("default") == {}
    assert [one.meta.name for one in found.gateway_virtual_services("default/front", "istio-system")] == ["a"]


def test_rules_not_exported_are_not_seen() -> None:
    found = config(service("a", "a.com", "1", exportTo=["."]))
    assert found.mesh_virtual_services("other") == {}


def test_the_most_specific_host_wins() -> None:
    rules = config(service("wide", "*.foo.com", "1"), service("exact", "a.foo.com", "2")).mesh_virtual_services(
        "default"
    )
    exact, wide = rule_for_host("a.foo.com", rules), rule_for_host("b.foo.com", rules)
    assert exact is not None and exact.meta.name == "exact"
    assert wide is not None and wide.meta.name == "wide"
    assert rule_for_host("b.org", rules) is None
