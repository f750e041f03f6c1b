"""The counters of one cluster, named as Envoy names them."""

from __future__ import annotations

from sidecar.telemetry.stats import Counter, Stats


class ClusterStats:
    __slots__ = (
        "_by_code",
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

    def answered(self, status: int) -> None:
        """A request ended with this status, the cluster's or a local reply's on its behalf."""
        self.rq_completed.value += 1
        self.classes[status // 100 - 1].value += 1
        counter = self._by_code.get(status)
        if counter is None:
            counter = self._by_code[status] = self._stats.counter(f"{self._prefix}upstream_rq_{status}")
        counter.value += 1
