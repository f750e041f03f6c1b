"""Shares come out as the weights say; a host that failed is avoided while there is another."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.balancing.hosts import Host
from sidecar.balancing.pick import LeastRequest, make_picker

POLICIES = ("ROUND_ROBIN", "LEAST_REQUEST", "RANDOM")


def hosts(*weights: int) -> list[Host]:
    return [Host("abcdefgh"[i], weight=weight) for i, weight in enumerate(weights)]


@pytest.mark.parametrize("policy", POLICIES)
def test_nobody_and_one(policy: str) -> None:
    rng = random.Random(1)
    picker = make_picker(policy, rng)
    assert picker.pick([], rng) is None
    only = hosts(1)
    assert picker.pick(only, rng, excluded=only) is only[0]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 2, 5)])
def test_shares_follow_weights(policy: str, weights: tuple[int, ...]) -> None:
    rng = random.Random(7)
    picker, some = make_picker(policy, rng), hosts(*weights)
    counts = Counter(picker.pick(some, rng).key for _ in range(4000))  # type: ignore[union-attr]
    for host in some:
        assert counts[host.key] / 4000 == pytest.approx(host.weight / sum(weights), abs=0.04)


@pytest.mark.parametrize("policy", POLICIES)
def test_excluded_hosts_are_avoided_while_others_are_left(policy: str) -> None:
    rng = random.Random(3)
    picker, some = make_picker(policy, rng), hosts(1, 1, 4)
    assert {picker.pick(some, rng, excluded=some[:2]) for _ in range(50)} == {some[2]}
    assert picker.pick(some, rng, excluded=some) in some


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5), st.integers())
def test_weighted_round_robin_is_exact_in_a_whole_period(weights: list[int], seed: int) -> None:
    rng = random.Random(seed)
    picker, some = make_picker("ROUND_ROBIN", rng), hosts(*weights)
    counts = Counter(picker.pick(some, rng).key for _ in range(sum(weights) * 2))  # type: ignore[union-attr]
    if len(set(weights)) > 1:
        assert counts == {host.key: host.weight * 2 for host in some}
    else:
        assert max(counts.values()) - min(counts.values()) <= 1


def test_least_request_prefers_the_idle_one() -> None:
    rng, some = random.Random(5), hosts(1, 1)
    some[0].active = 10
    counts = Counter(LeastRequest().pick(some, rng).key for _ in range(1000))  # type: ignore[union-attr]
    assert counts["b"] / 1000 == pytest.approx(0.75, abs=0.05)  # only when both draws are `a` does `a` get it


def test_unknown_policy_is_a_broken_invariant() -> None:
    with pytest.raises(AssertionError):
        make_picker("MAGIC", random.Random(0))
