"""The counters of one HTTP connection manager, named as Envoy names them."""

from __future__ import annotations

from sidecar.telemetry.stats import Counter, Stats


class ManagerStats:
    __slots__ = (
        "classes",
        "cx_active",
        "cx_idle_timeout",
        "cx_max_duration",
        "cx_max_requests",
        "cx_protocol_error",
        "cx_total",
        "no_cluster",
        "no_route",
        "rq_active",
        "rq_completed",
        "rq_direct_response",
        "rq_header_timeout",
        "rq_idle_timeout",
        "rq_max_duration",
        "rq_redirect",
        "rq_rx_reset",
        "rq_time",
        "rq_timeout",
        "rq_too_large",
        "rq_total",
        "rq_ws_on_non_ws_route",
    )

    def __init__(self, stats: Stats, stat_prefix: str) -> None:
        prefix = f"http.{stat_prefix}."
        self.cx_total = stats.counter(prefix + "downstream_cx_total")
        self.cx_active = stats.gauge(prefix + "downstream_cx_active")
        self.cx_idle_timeout = stats.counter(prefix + "downstream_cx_idle_timeout")
        self.cx_max_duration = stats.counter(prefix + "downstream_cx_max_duration_reached")
        self.cx_max_requests = stats.counter(prefix + "downstream_cx_max_requests_reached")
        self.cx_protocol_error = stats.counter(prefix + "downstream_cx_protocol_error")
        self.rq_total = stats.counter(prefix + "downstream_rq_total")
        self.rq_active = stats.gauge(prefix + "downstream_rq_active")
        self.rq_completed = stats.counter(prefix + "downstream_rq_completed")
        self.rq_time = stats.histogram(prefix + "downstream_rq_time")
        self.rq_timeout = stats.counter(prefix + "downstream_rq_timeout")
        self.rq_header_timeout = stats.counter(prefix + "downstream_rq_header_timeout")
        self.rq_idle_timeout = stats.counter(prefix + "downstream_rq_idle_timeout")
        self.rq_max_duration = stats.counter(prefix + "downstream_rq_max_duration_reached")
        self.rq_rx_reset = stats.counter(prefix + "downstream_rq_rx_reset")
        self.rq_too_large = stats.counter(prefix + "downstream_rq_too_large")
        self.rq_ws_on_non_ws_route = stats.counter(prefix + "downstream_rq_ws_on_non_ws_route")
        self.rq_redirect = stats.counter(prefix + "rq_redirect")
        self.rq_direct_response = stats.counter(prefix + "rq_direct_response")
        self.no_route = stats.counter(prefix + "no_route")
        self.no_cluster = stats.counter(prefix + "no_cluster")
        self.classes: tuple[Counter, ...] = tuple(
            stats.counter(f"{prefix}downstream_rq_{digit}xx") for digit in range(1, 6)
        )
