"""The schedule: exact shares over a period, spread evenly, and weights that change."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sidecar.balancing.edf import Edf


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 2**32))
def test_each_comes_as_often_as_its_weight_says(weights: list[int], seed: int) -> None:
    edf = Edf(range(len(weights)), lambda entry, _: float(weights[entry]), random.Random(seed))
    rounds = 3
    seen = Counter(edf.pick() for _ in range(rounds * sum(weights)))
    for entry, weight in enumerate(weights):
        assert abs(seen[entry] - rounds * weight) <= 1


def test_turns_are_spread() -> None:
    edf = Edf("abc", lambda entry, _: 2.0 if entry == "a" else 1.0, random.Random(1))
    drawn = "".join(edf.pick() for _ in range(400))
    assert "aaa" not in drawn
    assert drawn.count("a") in range(199, 202)


def test_a_changed_weight_counts_from_the_next_turn_on() -> None:
    weights = {"a": 1.0, "b": 1.0}
    edf = Edf("ab", lambda entry, _: weights[entry], random.Random(1))
    weights["a"] = 9.0
    seen = Counter(edf.pick() for _ in range(1000))
    assert 880 < seen["a"] < 920


def test_the_start_is_random() -> None:
    first = {Edf("abc", lambda *_: 1.0 + 1, random.Random(seed)).pick() for seed in range(3)}
    assert first == {"a"}  # equal weights: in order, wherever the clock stands
    starts = {
        tuple(edf.pick() for _ in range(4))
        for edf in (Edf("abc", lambda e, _: float("abc".index(e) + 1), random.Random(n)) for n in range(20))
    }
    assert len(starts) > 1
