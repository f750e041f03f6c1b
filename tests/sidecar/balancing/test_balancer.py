"""From hosts to one host: priorities, panic, localities, keys."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.balancing.balancer import Balancer, LbRules, Weights
from sidecar.balancing.hashes import xxhash64
from sidecar.balancing.hosts import Health, Host, Place
from sidecar.balancing.pick import SlowStart


def host(name: str, *, health: Health = Health.HEALTHY, zone: str = "", **fields: Any) -> Host:
    return Host(name, given=health, place=Place(zone=zone), **fields)


def balancer(*hosts: Host, weights: Weights | None = None, **rules: Any) -> Balancer:
    made = Balancer(LbRules(**rules), random.Random(3))
    made.update(hosts, weights or Weights(), 0.0)
    return made


def drawn(made: Balancer, count: int = 2000, *, now: float = 0.0) -> Counter[str]:
    found = (made.pick(now) for _ in range(count))
    return Counter(one.key for one in found if one is not None)


def test_no_hosts() -> None:
    made = Balancer(LbRules(), random.Random(1))
    assert made.pick() is None
    made.update((), Weights(), 0.0)
    assert made.pick() is None


@pytest.mark.parametrize("policy", ["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "RING_HASH", "MAGLEV"])
def test_every_policy_uses_every_host(policy: str) -> None:
    seen = drawn(balancer(*(host(f"10.0.0.{n}:80") for n in range(4)), policy=policy, table_size=1009))
    assert len(seen) == 4
    assert min(seen.values()) > 250


def test_priorities_spill() -> None:
    """Half of the first priority is gone: 70 % of the traffic stays (overprovisioning 1.4)."""
    first = [host("a"), host("b", health=Health.UNHEALTHY)]
    seen = drawn(balancer(*first, host("c", priority=1), panic_threshold=0), 4000)
    assert seen.keys() == {"a", "c"}
    assert 2650 < seen["a"] < 2950
    seen = drawn(balancer(*first, host("c", priority=1), weights=Weights(overprovisioning=200), panic_threshold=0))
    assert seen == {"a": 2000}


def test_degraded_hosts_fill_up() -> None:
    seen = drawn(balancer(host("a"), host("b", health=Health.DEGRADED), panic_threshold=0), 4000)
    assert 2650 < seen["a"] < 2950
    assert seen["a"] + seen["b"] == 4000


def test_health_by_weight() -> None:
    hosts = host("a", weight=9), host("b", health=Health.UNHEALTHY), host("c", priority=1)
    assert drawn(balancer(*hosts, weights=Weights(weighted_health=True), panic_threshold=0)) == {"a": 2000}


@pytest.mark.parametrize(
    ("rules", "seen", "told"), [({}, 3, 300), ({"panic_threshold": 0}, 1, 0), ({"fail_on_panic": True}, 0, 300)]
)
def test_panic(rules: dict[str, Any], seen: int, told: int) -> None:
    told_of: list[int] = []
    hosts = [host("a"), *(host(name, health=Health.UNHEALTHY) for name in "bc")]
    made = Balancer(LbRules(**rules), random.Random(3), lambda: told_of.append(1))
    made.update(hosts, Weights(), 0.0)
    assert len(drawn(made, 300)) == seen
    assert len(told_of) == told


def test_health_changes_are_seen_after_refresh() -> None:
    hosts = [host(name) for name in "abc"]
    made = balancer(*hosts)
    hosts[0].ejected_until_s = 5.0
    made.refresh(0.0)
    assert drawn(made, 30).keys() == {"b", "c"}


ZONES = {"x": 3, "y": 1}


@pytest.mark.parametrize(
    ("gone", "shares"),
    # docs: .../locality_weight: a locality keeps its weight until overprovisioning no longer covers its losses.
    [(0, {"x": 3000, "y": 1000}), (1, {"x": 3000, "y": 1000}), (2, {"x": 2710, "y": 1290})],
)
def test_locality_weights(gone: int, shares: dict[str, int]) -> None:
    hosts = [host(f"x{n}", zone="x", health=Health.UNHEALTHY if n < gone else Health.HEALTHY) for n in range(4)]
    hosts += [host(f"y{n}", zone="y") for n in range(4)]
    weights = Weights({(0, Place(zone=zone)): weight for zone, weight in ZONES.items()})
    seen = drawn(balancer(*hosts, weights=weights, by_locality=True, panic_threshold=0), 4000)
    by_zone = Counter({zone: sum(count for name, count in seen.items() if name[0] == zone) for zone in ZONES})
    for zone, share in shares.items():
        assert abs(by_zone[zone] - share) < 5


def test_a_locality_without_weight_gets_nothing() -> None:
    hosts = host("x", zone="x"), host("y", zone="y")
    for policy in ("ROUND_ROBIN", "RING_HASH"):
        weights = Weights({(0, Place(zone="x")): 1})
        assert drawn(balancer(*hosts, weights=weights, by_locality=True, policy=policy)) == {"x": 2000}
        assert len(drawn(balancer(*hosts, by_locality=True, policy=policy))) == 2


def test_slow_start_ends() -> None:
    old, new = host("old"), host("new")
    new.healthy_since_s = 0.0
    made = balancer(old, new, slow_start=SlowStart(10.0))
    assert drawn(made, 1100, now=0.001)["new"] < 120
    seen = drawn(made, 1000, now=11.0)
    assert abs(seen["new"] - 500) < 10


@pytest.mark.parametrize("policy", ["RING_HASH", "MAGLEV"])
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_a_key_means_one_host(policy: str, keys: list[int]) -> None:
    hosts = [host(f"10.0.0.{n}:80") for n in range(5)]
    one, other = (balancer(*order, policy=policy, table_size=1009) for order in (hosts, hosts[::-1]))
    for key in keys:
        assert one.pick(key=key) is other.pick(key=key)


def test_tried_hosts_are_avoided_while_attempts_last() -> None:
    hosts = [host(f"10.0.0.{n}:80") for n in range(5)]
    made = balancer(*hosts, policy="RING_HASH")
    for number in range(200):
        key = xxhash64(b"%d" % number)
        first = made.pick(key=key)
        assert first is not None
        assert made.pick(key=key, tried=(first,), attempts=20) is not first
        assert made.pick(key=key, tried=hosts, attempts=3) in hosts
    pair = balancer(*hosts[:2])
    for _ in range(20):
        assert pair.pick(tried=hosts[:1], attempts=2) is hosts[1]
