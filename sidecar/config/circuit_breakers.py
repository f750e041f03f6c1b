"""envoy.config.cluster.v3.CircuitBreakers and OutlierDetection: how much at once, and who is left alone for a while."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.core import Percent
from sidecar.config.message import Duration, Message, Range, UInt32

LIMIT_DEFAULT = 1024
RETRIES_DEFAULT = 3
PER_CENT = Range(0, 100)


class RetryBudget(Message, frozen=True, kw_only=True):
    budget_percent: Percent = Percent(value=20.0)
    min_retry_concurrency: UInt32 = 3


class Thresholds(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("max_connection_pools",)

    priority: Literal["DEFAULT", "HIGH"] = "DEFAULT"
    max_connections: UInt32 = LIMIT_DEFAULT
    max_pending_requests: UInt32 = LIMIT_DEFAULT
    max_requests: UInt32 = LIMIT_DEFAULT
    max_retries: UInt32 = RETRIES_DEFAULT
    retry_budget: RetryBudget | None = None
    """Set: `max_retries` does not count."""
    track_remaining: bool = False
    max_connection_pools: UInt32 | None = None


class CircuitBreakers(Message, frozen=True, kw_only=True):
    """As in Envoy, the first thresholds of a priority hold."""

    thresholds: tuple[Thresholds, ...] = ()

    def of(self, priority: str) -> Thresholds:
        return next((one for one in self.thresholds if one.priority == priority), Thresholds())


class OutlierDetection(Message, frozen=True, kw_only=True):
    """`enforcing_*`: how many of the ejections, in per cent, are done and not only counted."""

    consecutive_5xx: UInt32 = 5
    interval: Duration = 10.0
    base_ejection_time: Duration = 30.0
    max_ejection_percent: Annotated[int, PER_CENT] = 10
    enforcing_consecutive_5xx: Annotated[int, PER_CENT] = 100
    enforcing_success_rate: Annotated[int, PER_CENT] = 100
    success_rate_minimum_hosts: UInt32 = 5
    success_rate_request_volume: UInt32 = 100
    success_rate_stdev_factor: UInt32 = 1900
    """Thousandths."""
    consecutive_gateway_failure: UInt32 = 5
    enforcing_consecutive_gateway_failure: Annotated[int, PER_CENT] = 0
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failure: UInt32 = 5
    enforcing_consecutive_local_origin_failure: Annotated[int, PER_CENT] = 100
    enforcing_local_origin_success_rate: Annotated[int, PER_CENT] = 100
    failure_percentage_threshold: Annotated[int, PER_CENT] = 85
    enforcing_failure_percentage: Annotated[int, PER_CENT] = 0
    enforcing_failure_percentage_local_origin: Annotated[int, PER_CENT] = 0
    failure_percentage_minimum_hosts: UInt32 = 5
    failure_percentage_request_volume: UInt32 = 50
    max_ejection_time: Duration = 300.0
    max_ejection_time_jitter: Duration = 0.0
    successful_active_health_check_uneject_host: bool = True
    always_eject_one_host: bool = False

    def problem(self) -> tuple[str, str] | None:
        for field in ("interval", "base_ejection_time"):
            if getattr(self, field) <= 0:
                return field, "must be positive"
        return None
