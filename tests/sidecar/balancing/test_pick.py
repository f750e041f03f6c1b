"""Policies over equal and unequal hosts: distribution, activity, slow start."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from sidecar.balancing.hosts import Host
from sidecar.balancing.pick import LeastRequest, NoHost, One, Picker, Random, RoundRobin, SlowStart, Weighted, uneven

RNG = random.Random(7)


def hosts(*weights: int) -> tuple[Host, ...]:
    return tuple(Host(f"h{index}", weight=weight) for index, weight in enumerate(weights))


def drawn(picker: Picker, count: int = 3000, *, now: float = 0.0) -> Counter[str]:
    found = (picker.pick(RNG, now, 0, 0) for _ in range(count))
    return Counter(host.key for host in found if host is not None)


def test_round_robin_takes_turns_and_starts_anywhere() -> None:
    assert drawn(RoundRobin(hosts(1, 1, 1), RNG)) == {"h0": 1000, "h1": 1000, "h2": 1000}
    starts = {RoundRobin(hosts(1, 1, 1), random.Random(seed)).pick(RNG, 0, 0, 0).key for seed in range(20)}
    assert starts == {"h0", "h1", "h2"}


def test_least_request_prefers_the_idle_host() -> None:
    three = hosts(1, 1, 1)
    three[0].active = 5
    seen = drawn(LeastRequest(three), 9000)
    assert 800 < seen["h0"] < 1200  # one of nine pairs of draws: itself twice
    assert drawn(LeastRequest(three, 20))["h0"] < 10


def test_random_knows_no_weights() -> None:
    seen = drawn(Random(hosts(1, 100)))
    assert 1350 < seen["h0"] < 1650


@pytest.mark.parametrize(("weights", "shares"), [((1, 2, 3), (500, 1000, 1500)), ((5, 1), (2500, 500))])
def test_weighted_round_robin(weights: tuple[int, ...], shares: tuple[int, ...]) -> None:
    seen = drawn(Weighted(hosts(*weights), RNG, 0.0))
    for index, share in enumerate(shares):
        assert abs(seen[f"h{index}"] - share) <= 1


@pytest.mark.parametrize(("bias", "share"), [(0.0, 1500), (1.0, 750), (2.0, 300)])
def test_weighted_least_request(bias: float, share: int) -> None:
    """Two hosts of one weight, one of which has 2 requests under way: 1 / 3 ^ bias of the other's share."""
    pair = hosts(1, 1)
    pair[0].active = 2
    assert abs(drawn(Weighted(pair, RNG, 0.0, active_bias=bias))["h0"] - share) <= 3


def test_nothing_to_choose() -> None:
    assert NoHost().pick(RNG, 0, 0, 0) is None
    host = Host("a")
    assert One(host).pick(RNG, 0, 0, 0) is host


@pytest.mark.parametrize(
    ("age", "aggression", "factor"),
    [(0.0, 1.0, 0.1), (30.0, 1.0, 0.5), (59.9, 1.0, 0.998), (60.0, 1.0, 1.0), (15.0, 2.0, 0.5), (15.0, 0.5, 0.1)],
)
def test_slow_start_factor(age: float, aggression: float, factor: float) -> None:
    slow, host = SlowStart(60.0, aggression), Host("a")
    host.healthy_since_s = 100.0
    assert slow.factor(host, 100.0 + age) == pytest.approx(factor, abs=0.001)


def test_slow_start_gives_new_hosts_less() -> None:
    slow = SlowStart(60.0)
    pair = hosts(1, 1)
    assert not uneven(pair, slow, 0.0)
    pair[0].healthy_since_s = 0.0
    assert uneven(pair, slow, 30.0)
    assert not uneven(pair, slow, 61.0)
    seen = drawn(Weighted(pair, RNG, 30.0, slow_start=slow), now=30.0)
    assert abs(seen["h0"] - 1000) <= 2
    pair[0].failed_active = True
    assert slow.factor(pair[0], 30.0) == 1.0


def test_uneven() -> None:
    assert uneven(hosts(1, 2), None, 0.0)
    assert not uneven(hosts(2, 2), None, 0.0)
