"""Whether a request gets another try, and after how long.

Envoy's router filter (docs: http/http_filters/router_filter, `x-envoy-retry-on` and `x-envoy-retry-grpc-on`): the
words of `retry_on`, one retry unless said otherwise, a jittered exponential back-off in [0, (2^N - 1) * base), at
most ten times the base. Never after the head of a response went out; that is the caller's to know.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

from sidecar.protocol.message import Headers
from sidecar.protocol.numbers import decimal

BASE_INTERVAL_S = 0.025
MAX_INTERVAL_FACTOR = 10
BACK_OFF_EXPONENT_MAX = 16
RESET_S_MIN = 0.001
"""A wait that is not longer than this is none (Envoy)."""

GRPC_WORDS = {"cancelled": 1, "deadline-exceeded": 4, "resource-exhausted": 8, "internal": 13, "unavailable": 14}
KNOWN_WORDS = frozenset(
    {
        "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited",
        "retriable-4xx", "refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure",
        *GRPC_WORDS,
    }
)  # fmt: skip


class Outcome(Enum):
    """How an attempt ended before any of its response was passed on."""

    RESPONSE = auto()  # a response head came; its status decides
    CONNECT_FAILURE = auto()
    RESET_BEFORE_REQUEST = auto()  # reset, and nothing of the request had been sent
    RESET = auto()  # reset, or closed, after some of the request was sent
    REFUSED_STREAM = auto()
    PER_TRY_TIMEOUT = auto()


def unknown_words(retry_on: str) -> list[str]:
    """Words of `retry_on` that mean nothing to Envoy."""
    return [word for word in split_words(retry_on) if word not in KNOWN_WORDS]


def split_words(retry_on: str) -> list[str]:
    return [word for part in retry_on.split(",") if (word := part.strip())]


@dataclass(frozen=True, slots=True)
class ResetTimes:
    """When a rate-limited upstream wants the request again: headers in order, each (lower-case name, is a time).

    A header holds seconds from now, or the second since the epoch.
    """

    headers: tuple[tuple[bytes, bool], ...]
    longest_s: float

    def wait_s(self, headers: Headers, wall_s: float) -> float | None:
        """From the first header with a wait that is not too long; None = from none."""
        for name, is_time in self.headers:
            value = headers.get(name)
            number = decimal(value) if value else None
            if number is None:
                continue
            wait_s = number - wall_s if is_time else float(number)
            if RESET_S_MIN < wait_s <= self.longest_s:
                return wait_s
        return None


@dataclass(frozen=True, slots=True)
class RetryRules:
    """A retry policy, compiled. `retries` is how many tries may follow the first."""

    words: frozenset[str] = frozenset()
    retries: int = 1
    per_try_timeout_s: float | None = None
    status_codes: frozenset[int] = frozenset()
    base_interval_s: float = BASE_INTERVAL_S
    max_interval_s: float = BASE_INTERVAL_S * MAX_INTERVAL_FACTOR
    avoid_previous_hosts: bool = False
    host_attempts: int = 1
    per_try_idle_s: float = 0.0
    """0 = no limit."""
    headers: tuple[Callable[[Headers], bool], ...] = ()
    """Of a response that is to be tried again (`retriable-headers`)."""
    resets: ResetTimes | None = None

    @classmethod
    def of(cls, retry_on: str, retries: int = 1, *, status_codes: Iterable[int] = ()) -> RetryRules:
        return cls(frozenset(split_words(retry_on)), retries, status_codes=frozenset(status_codes))

    def retriable(
        self, outcome: Outcome, status: int = 0, *, grpc_status: int | None = None, ratelimited: bool = False
    ) -> bool:
        """Whether an attempt that ended so may be repeated, budgets aside.

        `grpc_status` only from response *headers* (a trailers-only reply), as Envoy does.
        """
        words = self.words
        if outcome is Outcome.RESPONSE:
            return self._retriable_response(status, grpc_status, ratelimited)
        if "5xx" in words:
            return True  # Envoy: 5xx includes connect failures, resets and timeouts
        if outcome is Outcome.CONNECT_FAILURE:
            return not words.isdisjoint({"connect-failure", "gateway-error", "reset", "reset-before-request"})
        if outcome is Outcome.REFUSED_STREAM:
            return not words.isdisjoint({"refused-stream", "gateway-error", "reset"})
        if outcome is Outcome.RESET_BEFORE_REQUEST:
            return not words.isdisjoint({"reset-before-request", "reset", "gateway-error"})
        return not words.isdisjoint({"reset", "gateway-error"})

    def _retriable_response(self, status: int, grpc_status: int | None, ratelimited: bool) -> bool:
        words = self.words
        if ratelimited:  # x-envoy-ratelimited: retried only when asked for by this word
            return "envoy-ratelimited" in words
        if status >= 500 and "5xx" in words:
            return True
        if status in {502, 503, 504} and "gateway-error" in words:
            return True
        if status == 409 and "retriable-4xx" in words:
            return True
        if status in self.status_codes and "retriable-status-codes" in words:
            return True
        return grpc_status is not None and any(GRPC_WORDS.get(word) == grpc_status for word in words)

    def retriable_headers(self, headers: Headers) -> bool:
        """Whether the headers of a response ask for another try."""
        return "retriable-headers" in self.words and any(test(headers) for test in self.headers)

    def reset_s(self, headers: Headers, wall_s: float, rng: random.Random) -> float | None:
        """What a response says of its own limit, and up to half as long on top; None = the usual back-off."""
        wait_s = self.resets.wait_s(headers, wall_s) if self.resets is not None else None
        return None if wait_s is None else wait_s * (1 + rng.random() / 2)

    def back_off_s(self, attempt: int, rng: random.Random) -> float:
        """Before retry number `attempt` (1 = the first retry): uniform in [0, (2^N - 1) * base), capped."""
        widest = ((1 << min(attempt, BACK_OFF_EXPONENT_MAX)) - 1) * self.base_interval_s
        return rng.random() * min(widest, self.max_interval_s)


NO_RETRIES = RetryRules(retries=0)
