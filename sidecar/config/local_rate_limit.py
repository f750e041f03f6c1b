"""envoy.extensions.filters.http.local_ratelimit.v3: one token bucket for all requests of a filter or a route."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.core import HeaderValueOption, RuntimeFractionalPercent
from sidecar.config.message import Duration, Message, Range

FILL_INTERVAL_S_MIN = 0.05
"""Envoy refuses a shorter one."""


class TokenBucket(Message, frozen=True, kw_only=True):
    max_tokens: Annotated[int, Range(1, 2**32 - 1)]
    tokens_per_fill: Annotated[int, Range(1, 2**32 - 1)] = 1
    fill_interval: Duration

    def problem(self) -> tuple[str, str] | None:
        if self.fill_interval < FILL_INTERVAL_S_MIN:
            return "fill_interval", "must be at least 50ms"
        return None


class HttpStatus(Message, frozen=True, kw_only=True):
    code: Annotated[int, Range(100, 599)]


class LocalRateLimit(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
    ONLY_DEFAULT = ("local_rate_limit_per_downstream_connection", "always_consume_default_token_bucket")

    stat_prefix: str
    status: HttpStatus | None = None
    """None, or a status below 400: 429."""
    token_bucket: TokenBucket | None = None
    """None = nothing is limited."""
    filter_enabled: RuntimeFractionalPercent | None = None
    """None = 0 %: Envoy wants it said."""
    filter_enforced: RuntimeFractionalPercent | None = None
    request_headers_to_add_when_not_enforced: tuple[HeaderValueOption, ...] = ()
    response_headers_to_add: tuple[HeaderValueOption, ...] = ()
    """On the answers that refuse."""
    enable_x_ratelimit_headers: Literal["OFF"] = "OFF"
    rate_limited_as_resource_exhausted: bool = False
    """gRPC clients are told RESOURCE_EXHAUSTED (8) and not UNAVAILABLE (14)."""
    local_rate_limit_per_downstream_connection: bool = False
    always_consume_default_token_bucket: bool = True

    def problem(self) -> tuple[str, str] | None:
        return None if self.stat_prefix else ("stat_prefix", "must not be empty")
