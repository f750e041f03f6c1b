"""What a cluster may say of its balancer, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.cluster import Cluster
from sidecar.config.decode import decode
from tests.sidecar.config.tables import refusal


@pytest.mark.parametrize(
    "value",
    [
        {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": 1, "maximum_ring_size": 8388608}},
        {"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": 1009}},
        {"round_robin_lb_config": {"slow_start_config": {"slow_start_window": "60s"}}},
        {
            "least_request_lb_config": {
                "choice_count": 5,
                "active_request_bias": {"default_value": 0},
            }
        },
        {"common_lb_config": {"locality_weighted_lb_config": {}}},
        {"common_lb_config": {"zone_aware_lb_config": {"fail_traffic_on_panic": True, "min_cluster_size": "6"}}},
        {"lb_subset_config": {"subset_selectors": [{"keys": ["a"]}], "fallback_policy": "ANY_ENDPOINT"}},
    ],
)
def test_taken(value: dict[str, Any]) -> None:
    decode(Cluster, {"name": "a", **value})


SELECTOR = "lb_subset_config.subset_selectors[0]"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"lb_policy": "LOAD_BALANCING_POLICY_CONFIG"}, "lb_policy"),
        ({"ring_hash_lb_config": {"maximum_ring_size": 8388609}}, "ring_hash_lb_config.maximum_ring_size"),
        ({"ring_hash_lb_config": {"minimum_ring_size": 5, "maximum_ring_size": 4}},
         "ring_hash_lb_config.minimum_ring_size"),
        ({"maglev_lb_config": {"table_size": 1000}}, "maglev_lb_config.table_size"),
        ({"maglev_lb_config": {"table_size": 5000011}}, "maglev_lb_config.table_size"),
        ({"least_request_lb_config": {"choice_count": 1}}, "least_request_lb_config.choice_count"),
        ({"least_request_lb_config": {"active_request_bias": {"default_value": -1}}},
         "least_request_lb_config.active_request_bias.default_value"),
        ({"ring_hash_lb_config": {}, "maglev_lb_config": {}}, "maglev_lb_config"),
        ({"common_lb_config": {"consistent_hashing_lb_config": {"hash_balance_factor": 120}}},
         "common_lb_config.consistent_hashing_lb_config.hash_balance_factor"),
        ({"common_lb_config": {"locality_weighted_lb_config": {}, "zone_aware_lb_config": {}}},
         "common_lb_config.locality_weighted_lb_config"),
        ({"round_robin_lb_config": {"slow_start_config": {"aggression": {"default_value": 0}}}},
         "round_robin_lb_config.slow_start_config.aggression.default_value"),
        ({"lb_subset_config": {"subset_selectors": [{"keys": ["a"], "fallback_policy": "KEYS_SUBSET"}]}},
         f"{SELECTOR}.fallback_keys_subset"),
        ({"lb_subset_config": {"subset_selectors": [
            {"keys": ["a"], "fallback_policy": "KEYS_SUBSET", "fallback_keys_subset": ["a"]}]}},
         f"{SELECTOR}.fallback_keys_subset"),
        ({"lb_subset_config": {"subset_selectors": [{"keys": ["a"], "fallback_keys_subset": ["a"]}]}},
         f"{SELECTOR}.fallback_keys_subset"),
        ({"lb_subset_config": {"subset_selectors": [{"keys": ["a"], "single_host_per_subset": True}]}},
         f"{SELECTOR}.single_host_per_subset"),
        ({"lb_subset_config": {"metadata_fallback_policy": "FALLBACK_LIST"}},
         "lb_subset_config.metadata_fallback_policy"),
    ],
)  # fmt: skip
def test_refused(value: dict[str, Any], path: str) -> None:
    assert refusal(Cluster, {"name": "a", **value}).path == path
