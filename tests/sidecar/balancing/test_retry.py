"""The words of retry_on, as Envoy's router means them."""

from __future__ import annotations

import random

import pytest

from sidecar.balancing.retry import NO_RETRIES, Outcome, ResetTimes, RetryRules, unknown_words
from sidecar.protocol.message import Headers

ISTIO_DEFAULT = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
RESPONSE = Outcome.RESPONSE


@pytest.mark.parametrize(
    ("words", "outcome", "status", "expected"),
    [
        ("5xx", RESPONSE, 500, True),
        ("5xx", RESPONSE, 404, False),
        ("5xx", Outcome.CONNECT_FAILURE, 0, True),
        ("5xx", Outcome.RESET, 0, True),
        ("5xx", Outcome.PER_TRY_TIMEOUT, 0, True),
        ("gateway-error", RESPONSE, 503, True),
        ("gateway-error", RESPONSE, 500, False),
        ("gateway-error", Outcome.RESET, 0, True),
        ("reset", Outcome.RESET, 0, True),
        ("reset", RESPONSE, 503, False),
        ("reset-before-request", Outcome.RESET, 0, False),
        ("reset-before-request", Outcome.RESET_BEFORE_REQUEST, 0, True),
        ("connect-failure", Outcome.CONNECT_FAILURE, 0, True),
        ("connect-failure", Outcome.RESET, 0, False),
        ("refused-stream", Outcome.REFUSED_STREAM, 0, True),
        ("retriable-4xx", RESPONSE, 409, True),
        ("retriable-4xx", RESPONSE, 404, False),
        ("retriable-status-codes", RESPONSE, 418, True),
        ("5xx", RESPONSE, 418, False),
        (ISTIO_DEFAULT, RESPONSE, 503, False),  # not retried without a VirtualService, since Istio 1.24
        (ISTIO_DEFAULT, Outcome.CONNECT_FAILURE, 0, True),
        ("", RESPONSE, 500, False),
    ],
)
def test_retriable(words: str, outcome: Outcome, status: int, expected: bool) -> None:
    rules = RetryRules.of(words, 2, status_codes=[418])
    assert rules.retriable(outcome, status) is expected


def test_grpc_status_counts_only_with_its_word() -> None:
    rules = RetryRules.of("unavailable")
    assert rules.retriable(RESPONSE, 200, grpc_status=14)
    assert not rules.retriable(RESPONSE, 200, grpc_status=13)
    assert not rules.retriable(RESPONSE, 200)


def test_rate_limited_answers_are_left_alone() -> None:
    assert not RetryRules.of("5xx").retriable(RESPONSE, 503, ratelimited=True)
    assert RetryRules.of("envoy-ratelimited").retriable(RESPONSE, 429, ratelimited=True)


def test_back_off_is_jittered_and_capped() -> None:
    rng, rules = random.Random(1), RetryRules()
    for attempt, widest in ((1, 0.025), (2, 0.075), (3, 0.175), (4, 0.25), (50, 0.25)):
        drawn = [rules.back_off_s(attempt, rng) for _ in range(500)]
        assert min(drawn) >= 0
        assert widest * 0.9 < max(drawn) <= widest


def test_unknown_words() -> None:
    assert unknown_words("5xx, nonsense,reset") == ["nonsense"]
    assert NO_RETRIES.retries == 0


RESETS = ResetTimes(((b"x-reset", False), (b"x-at", True)), 60.0)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({b"x-reset": b"5"}, 5.0),
        ({b"x-at": b"1010"}, 10.0),
        ({b"x-at": b"990"}, None),
        ({b"x-reset": b"61", b"x-at": b"1010"}, 10.0),
        ({b"x-reset": b"60"}, 60.0),
        ({b"x-reset": b"0"}, None),
        ({b"x-reset": b" 5"}, None),
        ({b"x-reset": b"-5"}, None),
        ({b"x-reset": b"9" * 30}, None),
        ({}, None),
    ],
)
def test_reset_times(headers: dict[bytes, bytes], wait_s: float | None) -> None:
    assert RESETS.wait_s(Headers(list(headers.items())), 1000.0) == wait_s


def test_reset_wait_is_lengthened_by_up_to_half() -> None:
    rng, rules, headers = random.Random(1), RetryRules(resets=RESETS), Headers([(b"x-reset", b"4")])
    waits = [rules.reset_s(headers, 0.0, rng) or 0.0 for _ in range(200)]
    assert 4.0 <= min(waits) < 4.2
    assert 5.8 < max(waits) <= 6.0
    assert RetryRules().reset_s(headers, 0.0, rng) is None
