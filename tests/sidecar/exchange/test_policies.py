"""Configuration becomes the rules of the pure parts, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.cluster import Cluster
from sidecar.config.decode import decode
from sidecar.exchange.policies import lb_rules, limits_of, outlier_rules, subset_rules


def config(**fields: Any) -> Cluster:
    return decode(Cluster, {"name": "c", **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"policy": "ROUND_ROBIN", "panic_threshold": 50, "by_locality": False, "slow_start": None}),
        ({"common_lb_config": {"healthy_panic_threshold": {"value": 33.5}}}, {"panic_threshold": 34}),
        ({"common_lb_config": {"zone_aware_lb_config": {"fail_traffic_on_panic": True}}}, {"fail_on_panic": True}),
        ({"common_lb_config": {"locality_weighted_lb_config": {}}}, {"by_locality": True}),
        ({"lb_policy": "LEAST_REQUEST", "least_request_lb_config": {"choice_count": 4}}, {"choice_count": 4}),
        ({"lb_policy": "LEAST_REQUEST", "least_request_lb_config": {"active_request_bias": {"default_value": 0.5}}},
         {"active_bias": 0.5}),
        ({"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": 3, "hash_function": "MURMUR_HASH_2"}},
         {"ring_min": 3, "murmur": True, "consistent": True}),
        ({"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": 1009}}, {"table_size": 1009, "consistent": True}),
    ],
)  # fmt: skip
def test_balancer(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    rules = lb_rules(config(**fields))
    assert {name: getattr(rules, name) for name in expected} == expected


def test_slow_start_belongs_to_its_policy() -> None:
    slow = {"slow_start_config": {"slow_start_window": "9s", "min_weight_percent": {"value": 5}}}
    found = lb_rules(config(round_robin_lb_config=slow)).slow_start
    assert found is not None
    assert (found.window_s, found.aggression, found.min_fraction) == (9.0, 1.0, 0.05)
    assert lb_rules(config(lb_policy="RANDOM", round_robin_lb_config=slow)).slow_start is None


def test_subsets() -> None:
    one = {"subset_selectors": [{"keys": ["b", "a"]}], "default_subset": {"x": True}, "list_as_any": True}
    given = config(lb_subset_config=one).lb_subset_config
    assert given is not None
    rules = subset_rules(given)
    assert rules is not None
    assert (rules.selectors[0].keys, rules.default, rules.lists_are_any) == (("a", "b"), (("x", ("bool", True)),), True)
    empty = config(lb_subset_config={"fallback_policy": "ANY_ENDPOINT"}).lb_subset_config
    assert empty is not None
    assert subset_rules(empty) is None


def test_outlier() -> None:
    given = config(outlier_detection={"success_rate_stdev_factor": 500, "enforcing_success_rate": 7}).outlier_detection
    assert given is not None
    rules = outlier_rules(given)
    assert rules.success_rate_factor == 0.5
    assert dict(rules.enforcing)["success_rate"] == 7
    assert dict(rules.enforcing)["consecutive_gateway_failure"] == 0


def test_limits_by_priority() -> None:
    thresholds = [{"max_requests": 2}, {"priority": "HIGH", "max_requests": 5, "track_remaining": True}]
    given = config(circuit_breakers={"thresholds": thresholds})
    default, high = limits_of(given, "DEFAULT"), limits_of(given, "HIGH")
    assert (default.requests.maximum, default.track_remaining) == (2, False)
    assert (high.requests.maximum, high.track_remaining) == (5, True)
