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


class Limits:
    """The breakers of one cluster; None = Envoy's default."""

    __slots__ = ("connections", "pending", "requests", "retries")

    def __init__(
        self,
        *,
        max_connections: int | None = None,
        max_pending_requests: int | None = None,
        max_requests: int | None = None,
        max_retries: int | None = None,
    ) -> None:
        self.connections = Breaker(CONNECTIONS_MAX if max_connections is None else max_connections)
        self.pending = Breaker(PENDING_MAX if max_pending_requests is None else max_pending_requests)
        self.requests = Breaker(REQUESTS_MAX if max_requests is None else max_requests)
        self.retries = Breaker(RETRIES_MAX if max_retries is None else max_retries)

    def adopt(self, other: Limits) -> None:
        """Take the maxima of `other`, keep the counts: what is under way does not change with the configuration."""
        self.connections.maximum = other.connections.maximum
        self.pending.maximum = other.pending.maximum
        self.requests.maximum = other.requests.maximum
        self.retries.maximum = other.retries.maximum
