"""A cluster's configuration -> the rules of the pure parts: balancer, subsets, outlier detection, circuit breakers."""

from __future__ import annotations

from sidecar.balancing.balancer import LbRules
from sidecar.balancing.limits import Limits
from sidecar.balancing.outlier import OutlierRules
from sidecar.balancing.pick import SlowStart
from sidecar.balancing.subsets import Selector, SubsetRules, criteria
from sidecar.config.circuit_breakers import OutlierDetection
from sidecar.config.cluster import Cluster
from sidecar.config.load_balancing import LbSubsetConfig, MaglevLbConfig, RingHashLbConfig, SlowStartConfig


def lb_rules(config: Cluster) -> LbRules:
    common = config.common_lb_config
    least = config.least_request_lb_config
    ring = config.ring_hash_lb_config or RingHashLbConfig()
    round_robin = config.round_robin_lb_config
    slow = None
    if config.lb_policy == "ROUND_ROBIN" and round_robin is not None:
        slow = slow_start(round_robin.slow_start_config)
    if config.lb_policy == "LEAST_REQUEST" and least is not None:
        slow = slow_start(least.slow_start_config)
    zones = common.zone_aware_lb_config
    return LbRules(
        policy=config.lb_policy,
        panic_threshold=round(common.healthy_panic_threshold.value),
        fail_on_panic=zones is not None and zones.fail_traffic_on_panic,
        by_locality=common.locality_weighted_lb_config is not None,
        choice_count=least.choice_count if least is not None else 2,
        active_bias=least.active_request_bias.default_value if least is not None else 1.0,
        slow_start=slow,
        ring_min=ring.minimum_ring_size,
        ring_max=ring.maximum_ring_size,
        murmur=ring.hash_function == "MURMUR_HASH_2",
        table_size=(config.maglev_lb_config or MaglevLbConfig()).table_size,
    )


def slow_start(config: SlowStartConfig | None) -> SlowStart | None:
    if config is None or not config.slow_start_window:
        return None
    return SlowStart(config.slow_start_window, config.aggression.default_value, config.min_weight_percent.value / 100)


def subset_rules(config: LbSubsetConfig) -> SubsetRules | None:
    """None = there are no selectors, and then no subsets, whatever else is said (Envoy)."""
    if not config.subset_selectors:
        return None
    return SubsetRules(
        tuple(
            Selector(tuple(sorted(set(one.keys))), one.fallback_policy, frozenset(one.fallback_keys_subset))
            for one in config.subset_selectors
        ),
        fallback=config.fallback_policy,
        default=criteria(config.default_subset),
        locality_weights=config.locality_weight_aware,
        scale_locality_weights=config.scale_locality_weight,
        panic_any=config.panic_mode_any,
        lists_are_any=config.list_as_any,
    )


def outlier_rules(config: OutlierDetection) -> OutlierRules:
    return OutlierRules(
        interval_s=config.interval,
        base_ejection_s=config.base_ejection_time,
        max_ejection_s=config.max_ejection_time,
        jitter_s=config.max_ejection_time_jitter,
        max_ejection_percent=config.max_ejection_percent,
        always_one=config.always_eject_one_host,
        consecutive_5xx=config.consecutive_5xx,
        consecutive_gateway_failure=config.consecutive_gateway_failure,
        consecutive_local_origin_failure=config.consecutive_local_origin_failure,
        split=config.split_external_local_origin_errors,
        success_rate_hosts=config.success_rate_minimum_hosts,
        success_rate_requests=config.success_rate_request_volume,
        success_rate_factor=config.success_rate_stdev_factor / 1000,
        failure_percentage=config.failure_percentage_threshold,
        failure_hosts=config.failure_percentage_minimum_hosts,
        failure_requests=config.failure_percentage_request_volume,
        enforcing=(
            ("consecutive_5xx", config.enforcing_consecutive_5xx),
            ("consecutive_gateway_failure", config.enforcing_consecutive_gateway_failure),
            ("consecutive_local_origin_failure", config.enforcing_consecutive_local_origin_failure),
            ("success_rate", config.enforcing_success_rate),
            ("local_origin_success_rate", config.enforcing_local_origin_success_rate),
            ("failure_percentage", config.enforcing_failure_percentage),
            ("local_origin_failure_percentage", config.enforcing_failure_percentage_local_origin),
        ),
    )


def limits_of(config: Cluster, priority: str) -> Limits:
    limit = config.circuit_breakers.of(priority)
    budget = limit.retry_budget
    return Limits(
        max_connections=limit.max_connections,
        max_pending_requests=limit.max_pending_requests,
        max_requests=limit.max_requests,
        max_retries=limit.max_retries,
        retry_budget=(budget.budget_percent.fraction, budget.min_retry_concurrency) if budget is not None else None,
        track_remaining=limit.track_remaining,
    )
