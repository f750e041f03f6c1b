"""Endpoints with what the mesh says of them."""

from __future__ import annotations

from sidecar.config.decode import decode
from sidecar.config.endpoint import ClusterLoadAssignment
from tests.sidecar.config.tables import refusal

ENDPOINT = {
    "endpoint": {"address": {"pipe": {"path": "/run/x/pods/10.244.0.9/inbound.sock"}}},
    "metadata": {
        "filter_metadata": {
            "envoy.filters.listener.original_dst": {"local": "10.244.0.9:9080"},
            "envoy.transport_socket_match": {"tlsMode": "istio", "proxyProtocol": "v2"},
            "istio": {"workload": "reviews-v1;default;reviews;v1;Kubernetes"},
        }
    },
}


def test_a_pod_of_this_machine() -> None:
    value = {
        "cluster_name": "c",
        "endpoints": [{"locality": {"region": "r"}, "lb_endpoints": [ENDPOINT], "priority": 1}],
    }
    group = decode(ClusterLoadAssignment, value).endpoints[0]
    endpoint = group.lb_endpoints[0]
    assert (group.priority, endpoint.load_balancing_weight, endpoint.health_status) == (1, 1, "UNKNOWN")
    assert endpoint.metadata is not None
    assert endpoint.metadata.of("envoy.transport_socket_match")["proxyProtocol"] == "v2"


def test_refused() -> None:
    assert (
        refusal(ClusterLoadAssignment, {"cluster_name": "c", "policy": {"drop_overloads": []}}).path
        == "policy.drop_overloads"
    )
    zero = {"cluster_name": "c", "endpoints": [{"lb_endpoints": [{**ENDPOINT, "load_balancing_weight": 0}]}]}
    assert refusal(ClusterLoadAssignment, zero).path == "endpoints[0].lb_endpoints[0].load_balancing_weight"
