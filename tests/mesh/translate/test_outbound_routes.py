"""Route configurations of sidecars."""

from __future__ import annotations

from mesh.registry.state import MeshState
from mesh.translate.outbound_routes import outbound_routes, referenced_clusters
from tests.support.bookinfo import objects, service
from tests.support.compiled import REVIEWS, state, view


def test_one_configuration_for_each_http_port() -> None:
    found = outbound_routes(view())
    assert sorted(found) == ["8080", "9080"]
    names = [host["name"] for host in found["9080"]["virtual_hosts"]]
    assert names[-1] == "allow_any"
    assert f"{REVIEWS}:9080" in names
    assert found["9080"]["ignore_port_in_host_matching"] is True


def test_a_sniffed_port_has_its_own() -> None:
    found = objects()
    found["Service"].append(service("auto", 7000, ""))
    routes = outbound_routes(view(MeshState.build(found)))
    (host,) = routes["auto.default.svc.cluster.local:7000"]["virtual_hosts"]
    assert host["domains"] == ["*"]
    assert "7000" not in routes


def test_an_alias_answers_for_the_service_it_names() -> None:
    found = objects()
    found["Service"].append(service("alias", type="ExternalName", externalName=REVIEWS, clusterIP="", ports=[]))
    hosts = outbound_routes(view(MeshState.build(found)))["9080"]["virtual_hosts"]
    alias = next(host for host in hosts if host["name"].startswith("alias."))
    assert alias["routes"][0]["route"]["cluster"] == f"outbound|9080||{REVIEWS}"


def test_clusters_are_found_wherever_they_are_named() -> None:
    nested = [{"cluster": "a"}, {"x": {"weighted_clusters": {"clusters": [{"name": "b", "weight": 1}]}}}]
    assert referenced_clusters(nested) == {"a", "b"}
    assert f"outbound|9080|v1|{REVIEWS}" in referenced_clusters(outbound_routes(view(state())))
