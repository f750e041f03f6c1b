"""A token bucket that fills evenly, and what a filter makes of it (docs: http_filters/local_rate_limit_filter)."""

from __future__ import annotations

import random
from typing import NamedTuple

from sidecar.config.local_rate_limit import LocalRateLimit, TokenBucket
from sidecar.routing.header_edits import HeaderEdits, compile_edits

TOO_MANY_REQUESTS = 429


class Bucket:
    """Full at first. Tokens come continuously at the configured rate, as in Envoy since 1.32, not in bursts."""

    __slots__ = ("_max", "_per_s", "_since_s", "_tokens")

    def __init__(self, config: TokenBucket) -> None:
        self._max = float(config.max_tokens)
        self._per_s = config.tokens_per_fill / config.fill_interval
        self._tokens = self._max
        self._since_s: float | None = None

    def take(self, now: float) -> bool:
        """One token, if there is one. `now`: seconds that never go back."""
        if self._since_s is not None:
            self._tokens = min(self._max, self._tokens + (now - self._since_s) * self._per_s)
        self._since_s = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Limited(NamedTuple):
    """What is to be counted and done for one request."""

    enabled: bool = False
    limited: bool = False
    enforced: bool = False


NOT_ENABLED = Limited()
WITHIN = Limited(enabled=True)


class RateLimit:
    """One filter's or one route's limit, compiled."""

    __slots__ = ("_bucket", "_enabled", "_enforced", "grpc_status", "marks", "stat_prefix", "status", "tells")

    def __init__(self, config: LocalRateLimit) -> None:
        """Raises `Refused`."""
        self.stat_prefix = config.stat_prefix
        self._bucket = Bucket(config.token_bucket) if config.token_bucket is not None else None
        self._enabled = config.filter_enabled.fraction if config.filter_enabled is not None else 0.0
        self._enforced = config.filter_enforced.fraction if config.filter_enforced is not None else 0.0
        code = config.status.code if config.status is not None else 0
        self.status = code if code >= 400 else TOO_MANY_REQUESTS
        self.grpc_status = 8 if config.rate_limited_as_resource_exhausted else 14
        marked = "request_headers_to_add_when_not_enforced"
        self.marks: HeaderEdits = compile_edits(config.request_headers_to_add_when_not_enforced, (), marked)
        self.tells: HeaderEdits = compile_edits(config.response_headers_to_add, (), "response_headers")

    def decide(self, now: float, rng: random.Random) -> Limited:
        if not self._enabled or (self._enabled < 1 and rng.random() >= self._enabled):
            return NOT_ENABLED
        if self._bucket is None or self._bucket.take(now):
            return WITHIN
        enforced = self._enforced >= 1 or (self._enforced > 0 and rng.random() < self._enforced)
        return Limited(True, True, enforced)
