"""Clusters into the workload itself."""

from __future__ import annotations

from dataclasses import replace

from mesh.translate.inbound_clusters import fallback_clusters, inbound_clusters
from tests.support.bookinfo import RUN
from tests.support.compiled import destination_rule, state


def test_the_connection_is_made_from_inside_the_pod() -> None:
    mesh = state()
    found = inbound_clusters(mesh, mesh.workloads[("default", "ratings-v1-a")])
    assert sorted(found) == ["InboundPassthroughCluster", "inbound|9080||"]
    one = found["inbound|9080||"]
    (locality,) = one["load_assignment"]["endpoints"]
    address = locality["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    assert (one["type"], address) == ("STATIC", {"address": "10.244.0.12", "port_value": 9080})
    assert one["upstream_bind_config"]["source_address"] == {
        "address": "10.244.0.12",
        "port_value": 0,
        "network_namespace_filepath": f"{RUN}/10.244.0.12/shim.sock",
    }


def test_on_a_cluster_the_source_is_the_one_the_redirect_lets_through() -> None:
    mesh = state()
    proxy = replace(mesh.workloads[("default", "ratings-v1-a")], sandbox="")
    one = inbound_clusters(mesh, proxy)["inbound|9080||"]
    assert one["upstream_bind_config"]["source_address"] == {"address": "127.0.0.6", "port_value": 0}


def test_of_a_destination_rule_only_the_pool_counts() -> None:
    mesh = state(
        destination_rule(
            "trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}, loadBalancer: {simple: RANDOM},"
            " outlierDetection: {interval: 1s}}"
        )
    )
    one = inbound_clusters(mesh, mesh.workloads[("default", "ratings-v1-a")])["inbound|9080||"]
    assert one["circuit_breakers"]["thresholds"][0]["max_connections"] == 5
    assert one["lb_policy"] == "ROUND_ROBIN"
    assert "outlier_detection" not in one


def test_fallbacks() -> None:
    found = fallback_clusters(state())
    assert found["PassthroughCluster"]["type"] == "ORIGINAL_DST"
    assert found["BlackHoleCluster"]["load_assignment"]["endpoints"] == []
