"""ClusterLoadAssignments."""

from __future__ import annotations

from typing import Any

from mesh.registry.state import MeshState
from mesh.translate.endpoints import cluster_endpoints
from tests.support.bookinfo import RUN
from tests.support.compiled import REVIEWS, state, view

DISABLED = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: DISABLE}}
"""
STATIC = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: s}
spec:
  hosts: [s.com]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints:
  - {address: 10.1.0.1, locality: r/z1, weight: 3}
  - {address: 10.1.0.2, locality: r/z2}
  - {address: unix:///tmp/x.sock}
"""


def endpoints(name: str, mesh: MeshState | None = None) -> list[dict[str, Any]]:
    found = cluster_endpoints(view(mesh), name)
    assert found is not None
    assert found["cluster_name"] == name
    return [one for locality in found["endpoints"] for one in locality["lb_endpoints"]]


def test_a_pod_of_this_machine() -> None:
    (one,) = endpoints(f"outbound|9080|v2|{REVIEWS}")
    assert one["endpoint"]["address"] == {"pipe": {"path": f"{RUN}/10.244.0.22/inbound.sock"}}
    assert one["metadata"]["filter_metadata"] == {
        "envoy.filters.listener.original_dst": {"local": "10.244.0.22:9080"},
        "envoy.transport_socket_match": {"tlsMode": "istio", "proxyProtocol": "v2"},
        "istio": {"workload": "reviews-v2;default;reviews;v2;Kubernetes"},
    }


def test_a_subset_takes_the_pods_with_its_labels() -> None:
    assert len(endpoints(f"outbound|9080||{REVIEWS}")) == 3
    assert len(endpoints(f"outbound|9080|v3|{REVIEWS}")) == 1


def test_a_pod_without_a_proxy_is_dialled_in_plaintext() -> None:
    (one,) = endpoints("outbound|9080||legacy.default.svc.cluster.local")
    assert one["metadata"]["filter_metadata"]["envoy.transport_socket_match"] == {"proxyProtocol": "v2"}


def test_a_server_that_disables_mtls_is_dialled_in_plaintext() -> None:
    (one,) = endpoints(f"outbound|9080|v2|{REVIEWS}", state(DISABLED))
    assert "tlsMode" not in one["metadata"]["filter_metadata"]["envoy.transport_socket_match"]


def test_localities_weights_and_sockets() -> None:
    found = cluster_endpoints(view(state(STATIC)), "outbound|80||s.com")
    assert found is not None
    places = [(one.get("locality"), one["load_balancing_weight"]) for one in found["endpoints"]]
    assert places == [(None, 1), ({"region": "r", "zone": "z1"}, 3), ({"region": "r", "zone": "z2"}, 1)]
    assert found["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] == {"pipe": {"path": "/tmp/x.sock"}}


def test_unknown_names_have_none() -> None:
    for name in ("outbound|80||unknown.com", f"outbound|1||{REVIEWS}", "BlackHoleCluster"):
        assert cluster_endpoints(view(), name) is None
