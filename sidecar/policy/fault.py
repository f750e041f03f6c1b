"""Injected faults: whether this request waits, and whether it is answered with an error, as Envoy's fault filter.

Delay and abort are drawn independently; the delay comes first. Flags are DI and FI, the abort's body
`fault filter abort`. A route's own configuration replaces that of the filter.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.config.http_filters import FaultAbort, FaultDelay, HTTPFault
from sidecar.config.refusal import Refused
from sidecar.protocol.message import Headers, RequestHead
from sidecar.routing.conditions import header_condition

DELAY_MS = b"x-envoy-fault-delay-request"
DELAY_PERCENT = b"x-envoy-fault-delay-request-percentage"
ABORT_STATUS = b"x-envoy-fault-abort-request"
ABORT_GRPC_STATUS = b"x-envoy-fault-abort-grpc-request"
ABORT_PERCENT = b"x-envoy-fault-abort-request-percentage"
ABORT_BODY = b"fault filter abort"
DIGITS_MAX = 9


@dataclass(frozen=True, slots=True)
class FaultDecision:
    """`delay_s` 0 = none. `status` 0 = no abort; `grpc_status` None = an HTTP error."""

    delay_s: float = 0.0
    status: int = 0
    grpc_status: int | None = None


NO_FAULT = FaultDecision()


class Fault:
    """A fault configuration, compiled."""

    __slots__ = ("_abort", "_cluster", "_conditions", "_delay", "active_max", "acts")

    def __init__(self, config: HTTPFault) -> None:
        """Raises `Refused`."""
        self._delay = config.delay
        self._abort = config.abort
        self._cluster = config.upstream_cluster
        self.active_max = config.max_active_faults
        """Requests with a fault at one time; None = any number."""
        self.acts = config.delay is not None or config.abort is not None
        conditions: list[Callable[[RequestHead], bool]] = []
        for index, matcher in enumerate(config.headers):
            try:
                conditions.append(header_condition(matcher))
            except Refused as refused:
                raise refused.at(f"headers[{index}]") from None
        self._conditions = tuple(conditions)

    def decide(self, head: RequestHead, cluster: str, rng: random.Random) -> FaultDecision:
        """`cluster`: the one chosen for the request."""
        if not self.acts:
            return NO_FAULT
        if self._cluster and self._cluster != cluster:
            return NO_FAULT
        if not all(condition(head) for condition in self._conditions):
            return NO_FAULT
        delay_s = _delay(self._delay, head.headers, rng) if self._delay is not None else 0.0
        status, grpc_status = _abort(self._abort, head.headers, rng) if self._abort is not None else (0, None)
        if not delay_s and not status:
            return NO_FAULT
        return FaultDecision(delay_s, status, grpc_status)


def _delay(delay: FaultDelay, headers: Headers, rng: random.Random) -> float:
    fraction, seconds = delay.percentage.fraction, delay.fixed_delay
    if seconds is None:
        asked_ms = _number(headers.get(DELAY_MS))
        if asked_ms is None:
            return 0.0
        seconds = asked_ms / 1000
        fraction = _bounded(fraction, headers.get(DELAY_PERCENT))
    return seconds if rng.random() < fraction else 0.0


def _abort(abort: FaultAbort, headers: Headers, rng: random.Random) -> tuple[int, int | None]:
    fraction, status, grpc_status = abort.percentage.fraction, abort.http_status or 0, abort.grpc_status
    if abort.header_abort is not None:
        status = _number(headers.get(ABORT_STATUS)) or 0
        status = status if 200 <= status < 600 else 0
        grpc_status = None if status else _number(headers.get(ABORT_GRPC_STATUS))
        fraction = _bounded(fraction, headers.get(ABORT_PERCENT))
    if not status and grpc_status is None:
        return 0, None
    if rng.random() >= fraction:
        return 0, None
    # A gRPC error travels in an answer of status 200.
    return status or 200, grpc_status


def _bounded(fraction: float, asked_percent: bytes | None) -> float:
    """The caller may ask for less than the configuration allows, never for more."""
    asked = _number(asked_percent)
    return fraction if asked is None else min(fraction, asked / 100)


def _number(value: bytes | None) -> int | None:
    if value is None or not value.isdigit() or len(value) > DIGITS_MAX:
        return None
    return int(value)
