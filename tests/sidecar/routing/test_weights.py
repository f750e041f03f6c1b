"""Weighted draws are exact: in every window of sum/gcd, wherever it begins."""

from __future__ import annotations

import random
from collections import Counter
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.routing.weights import PERIOD_PRECOMPUTED_MAX, WeightedDraw

WEIGHTS = st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(lambda weights: sum(weights) > 0)


@given(WEIGHTS, st.integers(0, 2**32))
def test_every_window_is_exact(weights: list[int], seed: int) -> None:
    draw = WeightedDraw(weights, random.Random(seed))
    period = sum(weights) // gcd(*weights)
    assert draw.period == period
    drawn = [draw.draw() for _ in range(3 * period)]
    expected = {index: weight // gcd(*weights) for index, weight in enumerate(weights) if weight}
    for start in range(2 * period):
        assert Counter(drawn[start : start + period]) == expected


def test_90_10_is_9_and_1_in_every_10() -> None:
    draw = WeightedDraw([90, 10], random.Random(7))
    drawn = [draw.draw() for _ in range(1000)]
    assert all(sum(drawn[start : start + 10]) == 1 for start in range(991))


def test_spread_and_not_in_bursts() -> None:
    draw = WeightedDraw([5, 1, 1], random.Random(0))
    drawn = "".join("abc"[draw.draw()] for _ in range(14))
    assert "aaaaa" not in drawn


def test_long_periods_are_exact_too() -> None:
    weights = [PERIOD_PRECOMPUTED_MAX, 1]
    draw = WeightedDraw(weights, random.Random(3))
    drawn = [draw.draw() for _ in range(2 * sum(weights))]
    for start in range(0, sum(weights), 97):
        assert sum(drawn[start : start + sum(weights)]) == 1


def test_the_same_seed_is_the_same_sequence_and_proxies_differ() -> None:
    def first(seed: int) -> list[int]:
        draw = WeightedDraw([1, 1, 1, 1], random.Random(seed))
        return [draw.draw() for _ in range(4)]

    assert first(1) == first(1)
    assert len({tuple(first(seed)) for seed in range(20)}) == 4


def test_no_weight_at_all_is_a_broken_promise() -> None:
    with pytest.raises(AssertionError):
        WeightedDraw([0, 0], random.Random(0))
