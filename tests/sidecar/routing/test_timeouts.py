"""What a route allows, and what a caller's headers make of it."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.balancing.retry import ResetTimes
from sidecar.config.decode import decode
from sidecar.config.refusal import Refused
from sidecar.config.route_action import RetryPolicy, RouteAction
from sidecar.protocol.message import Headers
from sidecar.routing.timeouts import Budget, asked, budget_of, grpc_timeout_s, limited_to, retry_rules
from tests.sidecar.routing.requests import get


def budget(action: dict[str, Any] | None = None, **headers: str) -> Budget:
    found = decode(RouteAction, {"cluster": "c", **(action or {})})
    return asked(budget_of(found, found.retry_policy), found, get(**headers).headers)


def test_the_routes_own() -> None:
    found = budget({"timeout": "2s", "idle_timeout": "1s", "max_stream_duration": {"max_stream_duration": "9s"}})
    assert (found.timeout_s, found.idle_s, found.stream_s, found.retry.retries) == (2.0, 1.0, 9.0, 0)


def test_a_retry_policy() -> None:
    rules = retry_rules(
        decode(
            RetryPolicy,
            {
                "retry_on": "5xx, reset",
                "num_retries": 3,
                "per_try_timeout": "0.5s",
                "retriable_status_codes": [404],
                "retry_back_off": {"base_interval": "0.1s"},
            },
        )
    )
    assert (rules.words, rules.retries, rules.per_try_timeout_s) == ({"5xx", "reset"}, 3, 0.5)
    assert (rules.status_codes, rules.base_interval_s, rules.max_interval_s) == ({404}, 0.1, 1.0)
    assert not rules.avoid_previous_hosts


def test_without_a_condition_nothing_is_retried() -> None:
    assert retry_rules(decode(RetryPolicy, {"num_retries": 5})).retries == 0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x_envoy_upstream_rq_timeout_ms": "250"}, 0.25),
        ({"x_envoy_upstream_rq_timeout_ms": "0"}, 0.0),
        ({"x_envoy_upstream_rq_timeout_ms": "+1"}, 2.0),
        ({"x_envoy_upstream_rq_timeout_ms": "99999999999"}, 2.0),
        ({}, 2.0),
    ],
)
def test_a_caller_may_set_the_timeout(headers: dict[str, str], expected: float) -> None:
    assert budget({"timeout": "2s"}, **headers).timeout_s == expected


@pytest.mark.parametrize(
    ("headers", "words", "retries"),
    [
        ({"x_envoy_retry_on": "5xx,nonsense"}, {"5xx"}, 1),
        ({"x_envoy_retry_on": "5xx", "x_envoy_max_retries": "4"}, {"5xx"}, 4),
        ({"x_envoy_retry_grpc_on": "unavailable"}, {"unavailable"}, 1),
        ({"x_envoy_max_retries": "4"}, set(), 0),
        ({"x_envoy_retry_on": "5xx", "x_envoy_max_retries": "0"}, {"5xx"}, 0),
    ],
)
def test_a_caller_may_ask_for_retries(headers: dict[str, str], words: set[str], retries: int) -> None:
    rules = budget(**headers).retry
    assert (rules.words, rules.retries) == (words, retries)


def test_the_callers_conditions_join_the_routes() -> None:
    rules = budget(
        {"retry_policy": {"retry_on": "reset", "num_retries": 2}},
        x_envoy_retry_on="5xx",
        x_envoy_retriable_status_codes="404, 429",
        x_envoy_upstream_rq_per_try_timeout_ms="100",
    ).retry
    assert (rules.words, rules.retries) == ({"5xx", "reset"}, 2)
    assert (rules.status_codes, rules.per_try_timeout_s) == ({404, 429}, 0.1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"1S", 1.0), (b"500m", 0.5), (b"2H", 7200.0), (b"3M", 180.0), (b"5u", 5e-6), (b"7n", 7e-9),
        (b"", None), (None, None), (b"S", None), (b"1", None), (b"-1S", None), (b"123456789S", None), (b"1s", None),
    ],
)  # fmt: skip
def test_grpc_timeout(value: bytes | None, expected: float | None) -> None:
    found = grpc_timeout_s(value)
    assert found == (pytest.approx(expected) if expected is not None else None)


@pytest.mark.parametrize(
    ("action", "timeout_s", "stream_s"),
    [
        ({}, 15.0, None),
        ({"max_grpc_timeout": "0s"}, 3.0, None),
        ({"max_grpc_timeout": "2s"}, 2.0, None),
        ({"max_grpc_timeout": "0s", "grpc_timeout_offset": "1s"}, 2.0, None),
        ({"max_stream_duration": {"grpc_timeout_header_max": "2s"}}, 0.0, 2.0),
        ({"max_stream_duration": {"grpc_timeout_header_max": "0s", "grpc_timeout_header_offset": "0.5s"}}, 0.0, 2.5),
    ],
)
def test_a_grpc_deadline(action: dict[str, Any], timeout_s: float, stream_s: float | None) -> None:
    found = budget(action, grpc_timeout="3S")
    assert (found.timeout_s, found.stream_s) == (timeout_s, stream_s)


@pytest.mark.parametrize("field", ["retriable_headers", "retriable_request_headers"])
def test_refused(field: str) -> None:
    bad = {"name": "x", "string_match": {"safe_regex": {"regex": "("}}}
    decoded = decode(RetryPolicy, {field: [bad]})
    with pytest.raises(Refused) as caught:
        retry_rules(decoded)
        limited_to(decoded)
    assert caught.value.refusal.path == f"{field}[0].string_match.safe_regex.regex"


def test_headers_that_ask_for_another_try() -> None:
    rules = retry_rules(
        decode(RetryPolicy, {"retry_on": "retriable-headers", "retriable_headers": [{"name": "X-Again"}]})
    )
    assert rules.retriable_headers(Headers([(b"x-again", b"")]))
    assert not rules.retriable_headers(Headers([(b"x-other", b"")]))
    asked_for = budget({}, x_envoy_retry_on="retriable-headers", x_envoy_retriable_header_names="x-a, x-b").retry
    assert asked_for.retriable_headers(Headers([(b"x-b", b"")]))
    assert not asked_for.retriable_headers(Headers([(b"x-again", b"")]))


def test_reset_headers() -> None:
    headers = [{"name": "X-Reset"}, {"name": "x-at", "format": "UNIX_TIMESTAMP"}]
    back_off = {"reset_headers": headers, "max_interval": "60s"}
    resets = retry_rules(decode(RetryPolicy, {"rate_limited_retry_back_off": back_off})).resets
    assert resets is not None
    assert resets == ResetTimes(((b"x-reset", False), (b"x-at", True)), 60.0)
