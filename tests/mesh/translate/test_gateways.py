"""Servers of a router, merged."""

from __future__ import annotations

from mesh.registry.model import Workload
from mesh.registry.state import MeshState
from mesh.translate.gateways import Transport, merged_servers, passes_tls
from tests.support.bookinfo import istio, objects
from tests.support.compiled import state


def gateway(name: str, number: int, protocol: str, hosts: str, extra: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - {{port: {{number: {number}, name: {name}, protocol: {protocol}}}, hosts: [{hosts}]{extra}}}
---
"""


SIMPLE = ", tls: {mode: SIMPLE, credentialName: c}"


def merged(extra: str, mesh: MeshState | None = None) -> dict[str, list[str]]:
    mesh = mesh or state(extra, base="")
    router = mesh.workloads[("istio-system", "istio-ingressgateway-1")]
    return {one.name: [bound.gateway.meta.name for bound in one.servers] for one in merged_servers(mesh, router)}


def test_a_servers_port_is_opened_at_its_target() -> None:
    extra = gateway("a", 80, "HTTP", "a.com") + gateway("b", 8080, "HTTP", "b.com")
    assert merged(extra) == {"0.0.0.0_18080": ["a", "b"]}


def test_a_port_that_the_routers_service_lacks_is_not_opened() -> None:
    assert merged(gateway("a", 9999, "HTTP", "a.com")) == {}


def test_a_router_without_a_service_opens_the_number_itself() -> None:
    found = objects(gateway("a", 9999, "HTTP", "a.com"), base="")
    found["Service"] = []
    assert merged("", MeshState.build(found)) == {"0.0.0.0_9999": ["a"]}


def test_the_first_server_decides_the_transport() -> None:
    extra = gateway("a", 80, "HTTP", "a.com") + gateway("b", 8080, "TCP", "b.com")
    assert merged(extra) == {"0.0.0.0_18080": ["a"]}


def test_a_tls_host_belongs_to_one_server() -> None:
    extra = gateway("a", 443, "HTTPS", "a.com, b.com", SIMPLE) + gateway("b", 8443, "HTTPS", "a.com", SIMPLE)
    assert merged(extra) == {"0.0.0.0_18443": ["a"]}


def test_other_selectors_are_for_others() -> None:
    assert merged(gateway("a", 80, "HTTP", "a.com").replace("ingressgateway", "egressgateway")) == {}


def test_names_and_transports() -> None:
    mesh = state(gateway("sec", 443, "HTTPS", "a.com", SIMPLE), base="")
    (one,) = merged_servers(mesh, mesh.workloads[("istio-system", "istio-ingressgateway-1")])
    assert one.transport is Transport.TLS
    assert one.servers[0].route_name == "https.443.sec.sec.default"
    assert one.servers[0].server_names == ("a.com",)
    assert not passes_tls(one.servers[0].server)


def test_servers_name_the_workloads_ports_where_the_service_says_so() -> None:
    entry = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: front
  labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
spec:
  hosts: [front.example.com]
  ports: [{number: 90, name: http, protocol: HTTP, targetPort: 9090}]
  resolution: STATIC
  endpoints: [{address: 1.1.1.1}]
---
"""
    router = Workload(name="r", namespace="default", ip="1.1.1.1", labels={"istio": "ingressgateway"}, kind="router")
    gateways = gateway("a", 90, "HTTP", "x.y") + gateway("b", 9090, "HTTP", "x.y")
    labelled = MeshState.build(istio(entry + gateways))
    plain = MeshState.build(istio(entry.replace('"true"', '"false"') + gateways))
    opened = [
        {one.name: [bound.gateway.meta.name for bound in one.servers] for one in merged_servers(mesh, router)}
        for mesh in (labelled, plain)
    ]
    assert opened == [{"0.0.0.0_9090": ["b"]}, {"0.0.0.0_9090": ["a"]}]
