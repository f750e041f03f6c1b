"""Circuit breakers: how much of anything a cluster may have at once.

Envoy's defaults (config.cluster.v3.CircuitBreakers.Thresholds): 1024 connections, pending requests and requests,
3 retries. What is over is refused with 503, flag UO and `x-envoy-overloaded`; a retry over its limit is not made.
"""

from __future__ import annotations

CONNECTIONS_MAX = 1024
PENDING_MAX = 1024
REQUESTS_MAX = 1024
RETRIES_MAX = 3


class Breaker:
    """One counted resource with its maximum; `take` and `give` are paired by the caller."""

    __slots__ = ("count", "maximum", "overflows")

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.count = 0
        self.overflows = 0

    def take(self) -> bool:
        if self.count >= self.maximum:
            self.overflows += 1
            return False
        self.count += 1
        return True

    def give(self) -> None:
        assert self.count > 0, "given back more than taken"
        self.count -= 1

    @property
    def open(self) -> bool:
        """Nothing more is let through."""
        return self.count >= self.maximum

    @property
    def remaining(self) -> int:
        return max(0, self.maximum - self.count)


class RetryBudget(Breaker):
    """Retries as a part of what is under way: at least `least`, else `fraction` of active and pending requests."""

    __slots__ = ("_fraction", "_least", "_limits")

    def __init__(self, limits: Limits, fraction: float, least: int) -> None:
        self.count = 0
        self.overflows = 0
        self._limits = limits
        self._fraction = fraction
        self._least = least

    @property
    def maximum(self) -> int:  # type: ignore[override]
        under_way = self._limits.requests.count
        return max(self._least, int(self._fraction * under_way))


class Limits:
    """The breakers of one priority of a cluster; None = Envoy's default."""

    __slots__ = ("connections", "pending", "requests", "retries", "track_remaining")

    def __init__(
        self,
        *,
        max_connections: int | None = None,
        max_pending_requests: int | None = None,
        max_requests: int | None = None,
        max_retries: int | None = None,
        retry_budget: tuple[float, int] | None = None,
        track_remaining: bool = False,
    ) -> None:
        """`retry_budget`: (fraction of requests, retries that are always allowed); it takes the place of `max_retries`.
        Requests that wait for a connection are counted among the active ones."""
        self.connections = Breaker(CONNECTIONS_MAX if max_connections is None else max_connections)
        self.pending = Breaker(PENDING_MAX if max_pending_requests is None else max_pending_requests)
        self.requests = Breaker(REQUESTS_MAX if max_requests is None else max_requests)
        self.retries = Breaker(RETRIES_MAX if max_retries is None else max_retries)
        if retry_budget is not None:
            self.retries = RetryBudget(self, *retry_budget)
        self.track_remaining = track_remaining
