"""Outbound clusters."""

from __future__ import annotations

import pytest

from mesh.translate.clusters import outbound_cluster, outbound_clusters
from tests.support.compiled import RATINGS, REVIEWS, destination_rule, state, view

ENTRIES = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec: {hosts: [dns.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: b}
spec: {hosts: [robin.com], resolution: DNS_ROUND_ROBIN, ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: c}
spec: {hosts: [none.com], ports: [{number: 80, name: http, protocol: HTTP}]}
"""


def test_a_cluster_for_each_subset() -> None:
    found = outbound_clusters(view())
    assert {name for name in found if REVIEWS in name} == {
        f"outbound|9080|{subset}|{REVIEWS}" for subset in ("", "v1", "v2", "v3")
    }
    one = found[f"outbound|9080|v1|{REVIEWS}"]
    assert (one["type"], one["lb_policy"], one["connect_timeout"]) == ("EDS", "LEAST_REQUEST", "10s")
    assert one["metadata"]["filter_metadata"]["istio"]["subset"] == "v1"


@pytest.mark.parametrize(
    ("host", "kind", "balancing"),
    [
        ("dns.com", "STRICT_DNS", "LEAST_REQUEST"),
        ("robin.com", "LOGICAL_DNS", "LEAST_REQUEST"),
        ("none.com", "ORIGINAL_DST", "CLUSTER_PROVIDED"),
    ],
)
def test_resolution_decides_the_type(host: str, kind: str, balancing: str) -> None:
    one = outbound_clusters(view(state(ENTRIES)))[f"outbound|80||{host}"]
    assert (one["type"], one["lb_policy"]) == (kind, balancing)
    if kind.endswith("DNS"):
        (locality,) = one["load_assignment"]["endpoints"]
        address = locality["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
        assert address == {"address": host, "port_value": 80}


def test_policies_reach_their_subsets_and_ports() -> None:
    extra = destination_rule(
        "trafficPolicy: {loadBalancer: {simple: RANDOM}},"
        " subsets: [{name: v1, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}]"
    )
    found = outbound_clusters(view(state(extra)))
    assert found[f"outbound|9080||{RATINGS}"]["lb_policy"] == "RANDOM"
    assert found[f"outbound|9080|v1|{RATINGS}"]["lb_policy"] == "ROUND_ROBIN"


def test_passthrough_keeps_the_callers_address() -> None:
    extra = destination_rule("trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}")
    assert outbound_clusters(view(state(extra)))[f"outbound|9080||{RATINGS}"]["type"] == "ORIGINAL_DST"


@pytest.mark.parametrize(
    ("name", "exists"),
    [
        (f"outbound|9080|v1|{REVIEWS}", True),
        (f"outbound|9080|v9|{REVIEWS}", False),
        (f"outbound|1||{REVIEWS}", False),
        ("outbound|80||unknown.com", False),
        ("BlackHoleCluster", False),
    ],
)
def test_one_cluster_by_name(name: str, exists: bool) -> None:
    assert (outbound_cluster(view(), name) is not None) is exists


def test_services_not_exported_have_none() -> None:
    extra = ENTRIES.replace("hosts: [none.com]", "hosts: [none.com], exportTo: [.]")
    assert "outbound|80||none.com" in outbound_clusters(view(state(extra)))
    assert "outbound|80||none.com" not in outbound_clusters(view(state(extra), "other"))
