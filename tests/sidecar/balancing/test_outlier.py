"""Passive health as tables: who is ejected by what, for how long, and how many at once."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from sidecar.balancing.hosts import Host, HostSet
from sidecar.balancing.outlier import OutlierDetector, OutlierRules, success_rate_threshold


class Watched:
    """A detector with its hosts, and what it counted."""

    def __init__(self, count: int, **rules: Any) -> None:
        hosts = HostSet()
        hosts.update([Host(str(number)) for number in range(count)])
        self.counted: Counter[str] = Counter()
        self.hosts = hosts.all
        self.set = hosts
        rules.setdefault("max_ejection_percent", 100)
        self.detector = OutlierDetector(
            OutlierRules(**rules), hosts, random.Random(1), lambda name: self.counted.update([name])
        )

    def answers(self, host: int, *statuses: int, now: float = 0.0) -> bool:
        return [self.detector.responded(self.hosts[host], status, now) for status in statuses][-1]

    @property
    def ejected(self) -> list[int]:
        return [index for index, host in enumerate(self.hosts) if host.ejected_until_s]


@pytest.mark.parametrize(
    ("rules", "statuses", "kind"),
    [
        ({"consecutive_5xx": 3}, (500, 502, 503), "consecutive_5xx"),
        ({"consecutive_5xx": 3}, (500, 500, 200, 500, 500), None),
        ({"consecutive_5xx": 3}, (500, 500, 404, 500), None),
        ({"consecutive_5xx": 0}, (500,) * 20, None),
        ({"consecutive_gateway_failure": 2, "consecutive_5xx": 9, "enforcing": ()}, (502, 504),
         "consecutive_gateway_failure"),
        ({"consecutive_gateway_failure": 2, "consecutive_5xx": 9, "enforcing": ()}, (502, 500, 504), None),
    ],
)  # fmt: skip
def test_consecutive(rules: dict[str, Any], statuses: tuple[int, ...], kind: str | None) -> None:
    watched = Watched(4, **rules)
    assert watched.answers(0, *statuses) == (kind is not None)
    assert watched.ejected == ([0] if kind else [])
    wanted = {f"ejections_detected_{kind}": 1, f"ejections_enforced_{kind}": 1, "ejections_enforced_total": 1}
    if kind == "consecutive_5xx":
        wanted |= {"ejections_consecutive_5xx": 1, "ejections_total": 1}
    assert watched.counted == (wanted if kind else {})


def test_what_is_not_enforced_is_counted_only() -> None:
    watched = Watched(4, consecutive_5xx=2, enforcing=(("consecutive_5xx", 0),))
    watched.answers(0, 500, 500, 500, 500)
    assert watched.ejected == []
    assert watched.counted == {
        "ejections_detected_consecutive_5xx": 2,
        "ejections_consecutive_5xx": 2,
        "ejections_total": 2,
    }


def test_a_part_is_enforced() -> None:
    watched = Watched(400, consecutive_5xx=1, enforcing=(("consecutive_5xx", 30),))
    for host in range(400):
        watched.answers(host, 500)
    assert 90 < len(watched.ejected) < 150


@pytest.mark.parametrize(
    ("hosts", "percent", "always_one", "ejected"),
    [(10, 10, False, 1), (10, 9, False, 0), (10, 9, True, 1), (3, 50, False, 1), (4, 100, False, 4), (1, 10, True, 1)],
)
def test_no_more_than_the_percentage(hosts: int, percent: int, always_one: bool, ejected: int) -> None:
    watched = Watched(hosts, consecutive_5xx=1, max_ejection_percent=percent, always_one=always_one)
    for host in range(hosts):
        watched.answers(host, 500)
    assert len(watched.ejected) == watched.detector.ejected == ejected
    assert watched.counted["ejections_overflow"] == hosts - ejected


def test_ejections_last_longer_each_time_and_good_behaviour_is_rewarded() -> None:
    watched = Watched(2, consecutive_5xx=1, base_ejection_s=30, max_ejection_s=70)
    host = watched.hosts[0]
    now = 0.0
    for lasts in (30, 60, 70, 70):
        watched.answers(0, 500, now=now)
        assert host.ejected_until_s == now + lasts
        assert not watched.detector.sweep(now + lasts - 1)
        now += lasts
        assert watched.detector.sweep(now)
        assert not host.ejected_until_s
    for _ in range(4):
        now += 10
        watched.detector.sweep(now)
    watched.answers(0, 500, now=now)
    assert host.ejected_until_s == now + 30


def test_jitter() -> None:
    watched = Watched(50, consecutive_5xx=1, jitter_s=10.0)
    for host in range(50):
        watched.answers(host, 500)
    until = [host.ejected_until_s for host in watched.hosts]
    assert 30 <= min(until) < 32
    assert 38 < max(until) <= 40


def test_an_ejected_host_is_not_ejected_again() -> None:
    watched = Watched(2, consecutive_5xx=1)
    watched.answers(0, 500, 500, 500)
    assert watched.counted["ejections_detected_consecutive_5xx"] == 1


@pytest.mark.parametrize(("split", "ejected"), [(False, True), (True, False)])
def test_local_failures_count_as_5xx_unless_kept_apart(split: bool, ejected: bool) -> None:
    watched = Watched(2, split=split, consecutive_5xx=2, consecutive_local_origin_failure=3)
    watched.detector.failed(watched.hosts[0], 0.0)
    watched.detector.failed(watched.hosts[0], 0.0, timeout=True)
    assert bool(watched.ejected) == ejected
    watched.detector.failed(watched.hosts[0], 0.0)
    assert watched.ejected == [0]
    assert watched.counted["ejections_enforced_consecutive_local_origin_failure"] == split


def test_a_connection_ends_a_row_of_local_failures() -> None:
    watched = Watched(2, split=True, consecutive_local_origin_failure=2)
    for _ in range(5):
        watched.detector.failed(watched.hosts[0], 0.0)
        watched.detector.connected(watched.hosts[0])
    assert watched.ejected == []


def test_threshold() -> None:
    assert success_rate_threshold([100, 100, 100, 100, 0], 1.9) == pytest.approx(80 - 1.9 * 40)


def rated(watched: Watched, *good: int, total: int = 100) -> None:
    for host, count in enumerate(good):
        for number in range(total):
            watched.detector.responded(watched.hosts[host], 200 if number < count else 500, 0.0)


@pytest.mark.parametrize(
    ("good", "rules", "ejected"),
    [
        ((100, 100, 100, 100, 50), {}, [4]),
        ((90, 92, 91, 90, 88), {}, []),
        ((100, 100, 100, 50), {}, []),  # fewer than five hosts
        ((100, 100, 100, 50), {"success_rate_hosts": 4, "success_rate_factor": 1.5}, [3]),
        ((100, 100, 100, 100, 50), {"success_rate_requests": 101}, []),
        ((10, 10, 10, 10, 10), {"enforcing": (("success_rate", 0),), "failure_percentage": 90}, [0, 1, 2, 3, 4]),
        ((10, 10, 10, 10, 16), {"enforcing": (("success_rate", 0),), "failure_percentage": 85}, [0, 1, 2, 3]),
    ],
)
def test_success_rate_and_failure_percentage(good: tuple[int, ...], rules: dict[str, Any], ejected: list[int]) -> None:
    watched = Watched(len(good), consecutive_5xx=0, consecutive_gateway_failure=0, **{"enforcing": (), **rules})
    rated(watched, *good)
    watched.detector.sweep(1.0)
    assert watched.ejected == ejected


def test_rates_are_of_one_interval() -> None:
    watched = Watched(5, consecutive_5xx=0)
    rated(watched, 100, 100, 100, 100, 98)
    watched.detector.sweep(0.0)
    assert watched.hosts[4].success_rate == 98.0
    watched.detector.sweep(10.0)
    assert watched.hosts[4].success_rate == -1.0


def test_local_success_rate() -> None:
    watched = Watched(5, split=True, consecutive_local_origin_failure=0, enforcing=())
    for host in watched.hosts:
        for number in range(100):
            watched.detector.connected(host)
            if number % 2 and host is watched.hosts[2]:
                watched.detector.failed(host, 0.0)
    watched.detector.sweep(0.0)
    assert watched.ejected == [2]
    assert watched.counted["ejections_enforced_local_origin_success_rate"] == 1


def test_who_leaves_is_forgotten() -> None:
    watched = Watched(2, consecutive_5xx=1)
    watched.answers(0, 500)
    _, left = watched.set.update([watched.hosts[1]])
    watched.detector.left(left)
    assert watched.detector.ejected == 0
