"""tcp[] and tls[] rules."""

from __future__ import annotations

from mesh.istio.mesh_config import MeshConfig
from mesh.registry.model import Service
from mesh.registry.state import MeshState
from mesh.translate.tcp import service_tcp_routes, service_tls_routes, tcp_proxy
from tests.support.compiled import state, view

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db}
spec:
  hosts: [db.internal]
  resolution: DNS
  ports: [{number: 5432, name: tcp, protocol: TCP}, {number: 443, name: tls, protocol: TLS}]
---
"""
RULES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: db}
spec:
  hosts: [db.internal]
  tls:
  - match: [{port: 443, sniHosts: [db.internal]}]
    route: [{destination: {host: other.internal, port: {number: 444}}}]
  tcp:
  - match: [{port: 5432, destinationSubnets: [10.0.0.0/8]}]
    route: [{destination: {host: near.internal}}]
  - match: [{port: 5432}]
    route:
    - {destination: {host: a}, weight: 3}
    - {destination: {host: b}, weight: 1}
    - {destination: {host: c}, weight: 0}
"""


def database(mesh: MeshState) -> Service:
    found = mesh.service("db.internal", "default")
    assert found is not None
    return found


def test_without_rules_a_connection_goes_to_the_service() -> None:
    mesh = state(ENTRY)
    (route,) = service_tcp_routes(view(mesh), database(mesh), 5432)
    assert route.action == {"cluster": "outbound|5432||db.internal"}


def test_tcp_rules_in_order() -> None:
    mesh = state(ENTRY + RULES)
    near, rest = service_tcp_routes(view(mesh), database(mesh), 5432)
    assert (near.subnets, near.action) == (("10.0.0.0/8",), {"cluster": "outbound|5432||near.internal"})
    assert [one["weight"] for one in rest.action["weighted_clusters"]["clusters"]] == [3, 1]


def test_tls_rules_go_by_server_name() -> None:
    mesh = state(ENTRY + RULES)
    named, rest = service_tls_routes(view(mesh), database(mesh), 443)
    assert (named.server_names, named.action) == (("db.internal",), {"cluster": "outbound|444||other.internal"})
    assert rest.action == {"cluster": "outbound|443||db.internal"}


def test_the_filter_logs_where_the_mesh_logs() -> None:
    quiet = tcp_proxy(state(), {"cluster": "c"}, stat_prefix="c")["typed_config"]
    assert (quiet["cluster"], "access_log" in quiet) == ("c", False)
    logged = state(config=MeshConfig(access_log_file="/dev/stdout"))
    assert "access_log" in tcp_proxy(logged, {"cluster": "c"}, stat_prefix="c")["typed_config"]
