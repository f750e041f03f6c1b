"""The names a sidecar answers."""

from __future__ import annotations

from typing import Any

from mesh.registry.state import MeshState
from mesh.translate.name_table import name_table
from tests.support.bookinfo import objects, service, slice_of
from tests.support.compiled import REVIEWS, state, view


def table(mesh: MeshState | None = None) -> dict[str, Any]:
    found: dict[str, Any] = name_table(view(mesh))["table"]
    return found


def test_a_service_answers_with_its_address() -> None:
    mesh = state()
    service_ = mesh.service(REVIEWS, "default")
    assert service_ is not None
    assert table(mesh)[REVIEWS] == {
        "ips": list(service_.addresses),
        "registry": "Kubernetes",
        "shortname": "reviews",
        "namespace": "default",
    }


def test_a_headless_service_answers_with_its_ready_pods() -> None:
    found = objects()
    reviews = [one for one in found["Pod"] if one["metadata"]["labels"].get("app") == "reviews"]
    found["Service"].append(service("db", 5432, "tcp", clusterIP="None", selector={"app": "reviews"}))
    slices = slice_of("db", reviews, 5432, "tcp")
    slices["endpoints"][0]["hostname"] = "db-0"
    slices["endpoints"][1]["conditions"]["ready"] = False
    found["EndpointSlice"].append(slices)
    names = table(MeshState.build(found))
    assert names["db.default.svc.cluster.local"]["ips"] == ["10.244.0.21", "10.244.0.23"]
    assert names["db-0.db.default.svc.cluster.local"]["ips"] == ["10.244.0.21"]


def test_aliases_and_hosts_of_service_entries() -> None:
    extra = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e}
spec: {hosts: [a.com, "*.b.com"], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}],
  endpoints: [{address: c.com}]}
"""
    found = objects(extra)
    found["Service"].append(service("alias", type="ExternalName", externalName="x.org", clusterIP="", ports=[]))
    names = table(MeshState.build(found))
    assert names["alias.default.svc.cluster.local"]["cname"] == "x.org"
    assert names["a.com"]["ips"][0].startswith("240.240.")
    assert "*.b.com" not in names
