"""How long a request may take and how often it is tried: the route's word, and what the caller's headers change.

Envoy's router reads x-envoy-upstream-rq-timeout-ms, -per-try-timeout-ms, x-envoy-retry-on and their like and takes
them out; whether a caller may send them at all is decided before (an edge strips them). gRPC callers may bring their
deadline in grpc-timeout, if the route lets them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from sidecar.balancing.retry import KNOWN_WORDS, NO_RETRIES, ResetTimes, RetryRules, split_words
from sidecar.config.matching import HeaderMatcher
from sidecar.config.refusal import Refused
from sidecar.config.route_action import RetryPolicy, RouteAction
from sidecar.protocol.message import Headers
from sidecar.routing.conditions import Condition, header_condition, headers_test

TIMEOUT_MS = b"x-envoy-upstream-rq-timeout-ms"
PER_TRY_TIMEOUT_MS = b"x-envoy-upstream-rq-per-try-timeout-ms"
RETRY_ON = b"x-envoy-retry-on"
RETRY_GRPC_ON = b"x-envoy-retry-grpc-on"
MAX_RETRIES = b"x-envoy-max-retries"
RETRIABLE_CODES = b"x-envoy-retriable-status-codes"
RETRIABLE_HEADERS = b"x-envoy-retriable-header-names"
GRPC_TIMEOUT = b"grpc-timeout"
OVERRIDES = frozenset(
    {TIMEOUT_MS, PER_TRY_TIMEOUT_MS, RETRY_ON, RETRY_GRPC_ON, MAX_RETRIES, RETRIABLE_CODES, RETRIABLE_HEADERS}
)
ASKED = OVERRIDES | {GRPC_TIMEOUT}
"""Requests with none of these take what the route says."""

NUMBER_DIGITS_MAX = 10
GRPC_TIMEOUT_DIGITS_MAX = 8
GRPC_UNITS_S = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds; 0 = no limit. `idle_s` None = the connection manager's holds."""

    timeout_s: float = 0.0
    idle_s: float | None = None
    stream_s: float | None = None
    retry: RetryRules = NO_RETRIES


def retry_rules(policy: RetryPolicy | None) -> RetryRules:
    """Raises `Refused` for a matcher that cannot be."""
    if policy is None:
        return NO_RETRIES
    words = frozenset(policy.conditions)
    limited = policy.rate_limited_retry_back_off
    rules = RetryRules(
        words=words,
        retries=policy.num_retries if words else 0,
        per_try_timeout_s=policy.per_try_timeout or None,
        status_codes=frozenset(policy.retriable_status_codes),
        avoid_previous_hosts=bool(policy.retry_host_predicate),
        host_attempts=max(1, policy.host_selection_retry_max_attempts),
        per_try_idle_s=policy.per_try_idle_timeout,
        headers=_response_tests(policy.retriable_headers),
        resets=(
            ResetTimes(
                tuple((one.name.lower().encode(), one.format == "UNIX_TIMESTAMP") for one in limited.reset_headers),
                limited.max_interval,
            )
            if limited is not None
            else None
        ),
    )
    back_off = policy.retry_back_off
    if back_off is None:
        return rules
    longest = back_off.max_interval if back_off.max_interval is not None else 10 * back_off.base_interval
    return replace(rules, base_interval_s=back_off.base_interval, max_interval_s=longest)


def _response_tests(matchers: tuple[HeaderMatcher, ...]) -> tuple[Callable[[Headers], bool], ...]:
    tests = []
    for index, matcher in enumerate(matchers):
        try:
            tests.append(headers_test(matcher))
        except Refused as refused:
            raise refused.at(f"retriable_headers[{index}]") from None
    return tuple(tests)


def limited_to(policy: RetryPolicy | None) -> tuple[Condition, ...]:
    """retriable_request_headers: one of them must hold, or the request is never tried again. () = no such limit."""
    found = []
    for index, matcher in enumerate(policy.retriable_request_headers if policy is not None else ()):
        try:
            found.append(header_condition(matcher))
        except Refused as refused:
            raise refused.at(f"retriable_request_headers[{index}]") from None
    return tuple(found)


def budget_of(action: RouteAction, policy: RetryPolicy | None) -> Budget:
    """`policy`: the route's own or else its virtual host's."""
    duration = action.max_stream_duration
    return Budget(
        timeout_s=action.timeout,
        idle_s=action.idle_timeout,
        stream_s=duration.max_stream_duration if duration is not None else None,
        retry=retry_rules(policy),
    )


def asked(budget: Budget, action: RouteAction, headers: Headers) -> Budget:
    """What the caller's headers make of it. A value that is no number is as good as absent (Envoy)."""
    found = _grpc(budget, action, headers)
    timeout = _number(headers.get(TIMEOUT_MS))
    if timeout is not None:
        found = replace(found, timeout_s=timeout / 1000)
    retry = _retry(found.retry, headers)
    if retry is not found.retry:
        found = replace(found, retry=retry)
    return found


def _retry(rules: RetryRules, headers: Headers) -> RetryRules:
    words = set(split_words((headers.get(RETRY_ON) or b"").decode("latin-1")))
    words |= set(split_words((headers.get(RETRY_GRPC_ON) or b"").decode("latin-1")))
    words &= KNOWN_WORDS
    names = [one.strip(b" ").lower() for one in (headers.get(RETRIABLE_HEADERS) or b"").split(b",")]
    tests = tuple(partial(_is_present, name) for name in names if name)
    retries, per_try = _number(headers.get(MAX_RETRIES)), _number(headers.get(PER_TRY_TIMEOUT_MS))
    numbers = [_number(one.strip(b" ")) for one in (headers.get(RETRIABLE_CODES) or b"").split(b",")]
    codes = frozenset(code for code in numbers if code is not None)
    if words:
        # Asking for retries alone means one; the words join those of the route.
        rules = replace(rules, words=rules.words | words, retries=rules.retries or 1)
    if tests:
        rules = replace(rules, headers=rules.headers + tests)
    if codes:
        rules = replace(rules, status_codes=rules.status_codes | codes)
    if retries is not None and rules.words:
        rules = replace(rules, retries=retries)
    if per_try is not None:
        rules = replace(rules, per_try_timeout_s=per_try / 1000 or None)
    return rules


def _is_present(name: bytes, headers: Headers) -> bool:
    return name in headers


def _grpc(budget: Budget, action: RouteAction, headers: Headers) -> Budget:
    deadline_s = grpc_timeout_s(headers.get(GRPC_TIMEOUT))
    if deadline_s is None:
        return budget
    duration = action.max_stream_duration
    if duration is not None and duration.grpc_timeout_header_max is not None:
        longest = duration.grpc_timeout_header_max
        bounded = min(deadline_s, longest) if longest else deadline_s
        offset = duration.grpc_timeout_header_offset or 0.0
        return replace(budget, stream_s=bounded - offset if bounded > offset else bounded, timeout_s=0.0)
    if action.max_grpc_timeout is not None:
        bounded = min(deadline_s, action.max_grpc_timeout) if action.max_grpc_timeout else deadline_s
        offset = action.grpc_timeout_offset or 0.0
        return replace(budget, timeout_s=bounded - offset if bounded > offset else bounded)
    return budget


def grpc_timeout_s(value: bytes | None) -> float | None:
    """gRPC over HTTP/2: at most 8 digits and a unit. None = absent or malformed."""
    if not value or value[-1:] not in GRPC_UNITS_S:
        return None
    digits = value[:-1]
    if not digits.isdigit() or len(digits) > GRPC_TIMEOUT_DIGITS_MAX:
        return None
    return int(digits) * GRPC_UNITS_S[value[-1:]]


def _number(value: bytes | None) -> int | None:
    if value is None or not value.isdigit() or len(value) > NUMBER_DIGITS_MAX:
        return None
    return int(value)
