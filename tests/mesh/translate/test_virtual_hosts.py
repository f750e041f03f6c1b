"""Domains of services, hosts of rules alone, and unknown names."""

from __future__ import annotations

from mesh.istio.mesh_config import MeshConfig
from mesh.translate.virtual_hosts import catch_all, domains, mesh_rules
from tests.support.compiled import REVIEWS, sidecar, state, view, virtual_host

HTTP80 = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e}
spec: {hosts: [known.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: unknown}
spec: {hosts: [unknown.com], http: [{route: [{destination: {host: reviews, subset: v1}}]}]}
"""


def test_domains_of_a_service() -> None:
    service = state().service(REVIEWS, "default")
    assert service is not None
    address = service.addresses[0]
    full = [REVIEWS, f"{REVIEWS}."]
    assert domains(service, "default") == [*full, "reviews", "reviews.default", "reviews.default.svc", address]
    assert "reviews" not in domains(service, "other")


def test_a_rules_host_without_a_service_answers_on_port_80() -> None:
    resources = sidecar(state(HTTP80))
    assert virtual_host(resources, "80", "unknown.com:80")["domains"] == ["unknown.com"]
    assert all(host["name"] != "unknown.com:9080" for host in resources.routes["9080"]["virtual_hosts"])


def test_unknown_names() -> None:
    allowed, refused = catch_all(view(state())), catch_all(view(state(config=MeshConfig(registry_only=True))))
    assert (allowed["name"], allowed["routes"][0]["route"]["cluster"]) == ("allow_any", "PassthroughCluster")
    assert (refused["name"], refused["routes"][0]["direct_response"]) == ("block_all", {"status": 502})


def test_every_domain_is_claimed_once() -> None:
    for route in sidecar(state(HTTP80)).routes.values():
        found = [domain for host in route["virtual_hosts"] for domain in host["domains"]]
        assert len(found) == len(set(found))


def test_rules_of_gateways_are_not_the_meshs() -> None:
    assert list(mesh_rules(view())) == [REVIEWS]
