"""The counters of one cluster, named as Envoy names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sidecar.balancing.hosts import Health, Host
from sidecar.balancing.limits import Limits
from sidecar.telemetry.stats import Counter, Gauge, Metric, Stats

ON_DEMAND = (
    "lb_healthy_panic", "lb_subsets_created", "lb_subsets_removed", "lb_subsets_selected", "lb_subsets_fallback",
    "lb_subsets_fallback_panic", "membership_change", "upstream_cx_http1_total", "upstream_cx_max_requests",
    "upstream_cx_max_duration_reached", "upstream_cx_idle_timeout", "upstream_cx_destroy", "upstream_cx_destroy_local",
    "upstream_cx_destroy_remote", "upstream_rq_active_overflow", "upstream_rq_pending_total",
    "upstream_rq_pending_failure_eject",
)  # fmt: skip

DISCOVERY = ("update_attempt", "update_success", "update_failure", "update_empty", "update_no_rebuild")
HEALTH_CHECK = tuple(
    f"health_check.{name}"
    for name in ("attempt", "success", "failure", "passive_failure", "network_failure", "verify_cluster")
)
_DETECTORS = (
    "consecutive_5xx", "consecutive_gateway_failure", "consecutive_local_origin_failure", "success_rate",
    "local_origin_success_rate", "failure_percentage", "local_origin_failure_percentage",
)  # fmt: skip
OUTLIER = (
    *(f"outlier_detection.ejections_{word}_{name}" for word in ("detected", "enforced") for name in _DETECTORS),
    *(
        f"outlier_detection.ejections_{name}"
        for name in ("enforced_total", "overflow", "total", "consecutive_5xx", "success_rate")
    ),
)


class ClusterStats:
    __slots__ = (
        "_by_code",
        "_named",
        "_prefix",
        "_stats",
        "classes",
        "cx_active",
        "cx_connect_fail",
        "cx_connect_timeout",
        "cx_overflow",
        "cx_total",
        "membership_healthy",
        "membership_total",
        "none_healthy",
        "pending_overflow",
        "rq_active",
        "rq_cancelled",
        "rq_completed",
        "rq_per_try_timeout",
        "rq_retry",
        "rq_retry_overflow",
        "rq_retry_success",
        "rq_rx_reset",
        "rq_time",
        "rq_timeout",
        "rq_total",
        "rq_tx_reset",
    )

    def __init__(self, stats: Stats, name: str) -> None:
        prefix = f"cluster.{name}."
        self._stats = stats
        self._prefix = prefix
        self.cx_total = stats.counter(prefix + "upstream_cx_total")
        self.cx_active = stats.gauge(prefix + "upstream_cx_active")
        self.cx_connect_fail = stats.counter(prefix + "upstream_cx_connect_fail")
        self.cx_connect_timeout = stats.counter(prefix + "upstream_cx_connect_timeout")
        self.cx_overflow = stats.counter(prefix + "upstream_cx_overflow")
        self.pending_overflow = stats.counter(prefix + "upstream_rq_pending_overflow")
        self.none_healthy = stats.counter(prefix + "upstream_cx_none_healthy")
        self.rq_total = stats.counter(prefix + "upstream_rq_total")
        self.rq_active = stats.gauge(prefix + "upstream_rq_active")
        self.rq_completed = stats.counter(prefix + "upstream_rq_completed")
        self.rq_time = stats.histogram(prefix + "upstream_rq_time")
        self.rq_timeout = stats.counter(prefix + "upstream_rq_timeout")
        self.rq_per_try_timeout = stats.counter(prefix + "upstream_rq_per_try_timeout")
        self.rq_retry = stats.counter(prefix + "upstream_rq_retry")
        self.rq_retry_success = stats.counter(prefix + "upstream_rq_retry_success")
        self.rq_retry_overflow = stats.counter(prefix + "upstream_rq_retry_overflow")
        self.rq_rx_reset = stats.counter(prefix + "upstream_rq_rx_reset")
        self.rq_tx_reset = stats.counter(prefix + "upstream_rq_tx_reset")
        self.rq_cancelled = stats.counter(prefix + "upstream_rq_cancelled")
        self.membership_total = stats.gauge(prefix + "membership_total")
        self.membership_healthy = stats.gauge(prefix + "membership_healthy")
        self.classes: tuple[Counter, ...] = tuple(
            stats.counter(f"{prefix}upstream_rq_{digit}xx") for digit in range(1, 6)
        )
        self._by_code: dict[int, Counter] = {}
        self._named: dict[str, Counter] = {}

    def count(self, name: str, by: int = 1) -> None:
        """A counter that is not of every request, by its name below the cluster's."""
        counter = self._named.get(name)
        if counter is None:
            counter = self._named[name] = self._stats.counter(self._prefix + name)
        counter.value += by

    def outlier(self, name: str) -> None:
        self.count(f"outlier_detection.{name}")

    def count_hosts(self, hosts: Iterable[Host]) -> None:
        total = healthy = 0
        for host in hosts:
            total += 1
            healthy += host.health is Health.HEALTHY
        self.membership_total.value = total
        self.membership_healthy.value = healthy

    def shown(self, levels: Mapping[str, int], *counters: str) -> Iterator[Metric]:
        """Made when somebody looks: gauges, and counters that have not counted yet."""
        for name in (*ON_DEMAND, *counters):
            yield Counter(self._prefix + name, ())
        for name, value in levels.items():
            gauge = Gauge(self._prefix + name, ())
            gauge.value = value
            yield gauge

    def answered(self, status: int) -> None:
        """A request ended with this status, the cluster's or a local reply's on its behalf."""
        self.rq_completed.value += 1
        self.classes[status // 100 - 1].value += 1
        counter = self._by_code.get(status)
        if counter is None:
            counter = self._by_code[status] = self._stats.counter(f"{self._prefix}upstream_rq_{status}")
        counter.value += 1


def host_levels(hosts: Iterable[Host], *, weights: bool) -> dict[str, int]:
    """`weights`: the heaviest is told too, which Envoy does where hosts come and go."""
    degraded = excluded = heaviest = 0
    for host in hosts:
        degraded += host.health is Health.DEGRADED
        excluded += host.excluded
        heaviest = max(heaviest, host.weight)
    return {
        "membership_degraded": degraded,
        "membership_excluded": excluded,
        "max_host_weight": heaviest if weights else 0,
    }


def limit_levels(priority: str, limits: Limits) -> dict[str, int]:
    """What the circuit breakers of one priority let through still."""
    lead = f"circuit_breakers.{priority}."
    levels = {lead + "cx_pool_open": 0}
    for short, name, breaker in (
        ("cx", "cx", limits.connections),
        ("rq_pending", "pending", limits.pending),
        ("rq", "rq", limits.requests),
        ("rq_retry", "retries", limits.retries),
    ):
        levels[f"{lead}{short}_open"] = 1 if breaker.open else 0
        if limits.track_remaining:
            levels[f"{lead}remaining_{name}"] = breaker.remaining
    return levels
