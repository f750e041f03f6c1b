"""Token buckets on a clock of their own."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.decode import decode
from sidecar.config.local_rate_limit import LocalRateLimit, TokenBucket
from sidecar.policy.local_rate_limit import NOT_ENABLED, WITHIN, Bucket, Limited, RateLimit

ALL = {"default_value": {"numerator": 100}}


def bucket(most: int, per_fill: int = 1, interval_s: float = 1.0) -> Bucket:
    return Bucket(TokenBucket(max_tokens=most, tokens_per_fill=per_fill, fill_interval=interval_s))


def limit(**fields: Any) -> RateLimit:
    fill = {"max_tokens": 1, "fill_interval": "60s"}
    return RateLimit(decode(LocalRateLimit, {"stat_prefix": "s", "token_bucket": fill, **fields}))


def test_full_then_empty_then_filled_evenly() -> None:
    tokens = bucket(3, per_fill=2)
    assert [tokens.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert [tokens.take(10.5), tokens.take(10.5)] == [True, False]
    assert [tokens.take(100.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 0.7), min_size=1, max_size=200), st.integers(1, 5), st.integers(1, 5))
def test_never_more_than_the_rate_and_the_burst(steps: list[float], most: int, per_fill: int) -> None:
    tokens, now, taken = bucket(most, per_fill), 0.0, 0
    for step in steps:
        now += step
        taken += tokens.take(now)
    assert taken <= most + now * per_fill + 1e-6


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [NOT_ENABLED] * 2),
        ({"filter_enabled": ALL}, [WITHIN, Limited(True, True, False)]),
        ({"filter_enabled": ALL, "filter_enforced": ALL}, [WITHIN, Limited(True, True, True)]),
        ({"filter_enabled": ALL, "token_bucket": None}, [WITHIN] * 2),
    ],
)
def test_enabled_and_enforced(fields: dict[str, Any], expected: list[Limited]) -> None:
    found = limit(**fields)
    assert [found.decide(0.0, random.Random(1)) for _ in expected] == expected


@pytest.mark.parametrize(
    ("fields", "status"), [({}, 429), ({"status": {"code": 200}}, 429), ({"status": {"code": 503}}, 503)]
)
def test_status(fields: dict[str, Any], status: int) -> None:
    assert limit(**fields).status == status


def test_grpc_status() -> None:
    assert (limit().grpc_status, limit(rate_limited_as_resource_exhausted=True).grpc_status) == (14, 8)
