"""Subsets by metadata: which hosts a route's wishes lead to, and what is done when they lead nowhere."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from sidecar.balancing.balancer import LbRules, Weights
from sidecar.balancing.hosts import Health, Host, Place
from sidecar.balancing.subsets import Selector, SubsetRules, Subsets, comparable, criteria

HOSTS = {
    "v1-a": {"version": "1", "stage": "prod"},
    "v1-b": {"version": "1", "stage": "dev"},
    "v2-a": {"version": "2", "stage": "prod"},
    "plain": {},
}


class Made:
    def __init__(self, *selectors: Selector, hosts: dict[str, dict[str, Any]] = HOSTS, **rules: Any) -> None:
        self.counted: Counter[str] = Counter()
        self.hosts = {name: Host(name, metadata=metadata) for name, metadata in hosts.items()}
        self.subsets = Subsets(
            SubsetRules(selectors or (Selector(("version",)), Selector(("stage", "version"))), **rules),
            LbRules(),
            random.Random(1),
            count=lambda name: self.counted.update([name]),
            on_panic=lambda: None,
        )
        self.subsets.update(tuple(self.hosts.values()), Weights(), 0.0)

    def found(self, **wanted: Any) -> set[str]:
        picked = (self.subsets.pick(criteria(wanted)) for _ in range(40))
        return {host.key for host in picked if host is not None}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"version": "1"}, {"v1-a", "v1-b"}),
        ({"version": "2"}, {"v2-a"}),
        ({"version": "1", "stage": "dev"}, {"v1-b"}),
        ({"version": "2", "stage": "dev"}, set()),
        ({"version": "9"}, set()),
        ({"stage": "dev"}, set()),  # no selector of these keys
        ({}, set()),
    ],
)
def test_no_fallback(wanted: dict[str, str], found: set[str]) -> None:
    assert Made().found(**wanted) == found


@pytest.mark.parametrize(
    ("rules", "found", "counted"),
    [
        ({"fallback": "ANY_ENDPOINT"}, set(HOSTS), "lb_subsets_fallback"),
        ({"fallback": "DEFAULT_SUBSET", "default": criteria({"stage": "prod"})}, {"v1-a", "v2-a"},
         "lb_subsets_fallback"),
        ({"fallback": "DEFAULT_SUBSET", "default": criteria({"stage": "x"})}, set(), ""),
        ({"fallback": "DEFAULT_SUBSET", "default": criteria({"stage": "x"}), "panic_any": True}, set(HOSTS),
         "lb_subsets_fallback_panic"),
        ({"panic_any": True}, set(HOSTS), "lb_subsets_fallback_panic"),
    ],
)  # fmt: skip
def test_fallback(rules: dict[str, Any], found: set[str], counted: str) -> None:
    for wanted in ({"version": "9"}, {"other": "1"}, {}):
        made = Made(**rules)
        assert made.found(**wanted) == found
        assert {name for name in made.counted if "fallback" in name} == ({counted} if counted else set())


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        (Selector(("stage", "version"), "ANY_ENDPOINT"), set(HOSTS)),
        (Selector(("stage", "version"), "NO_FALLBACK"), set()),
        (Selector(("stage", "version"), "DEFAULT_SUBSET"), {"plain", *HOSTS}),
        (Selector(("stage", "version"), "KEYS_SUBSET", frozenset(("version",))), {"v2-a"}),
        (Selector(("stage", "version")), {"v1-a", "v2-a"}),
    ],
)
def test_a_selectors_own_fallback(selector: Selector, found: set[str]) -> None:
    default = criteria({"stage": "prod"}) if selector.fallback == "NOT_DEFINED" else ()
    made = Made(Selector(("version",)), selector, fallback="DEFAULT_SUBSET", default=default)
    assert made.found(version="2", stage="dev") == found


def test_an_unhealthy_subset_does_not_fall_back() -> None:
    made = Made(fallback="ANY_ENDPOINT")
    made.hosts["v2-a"].given = Health.UNHEALTHY
    made.subsets.refresh(0.0)
    assert made.found(version="2") == {"v2-a"}  # panic within the subset
    assert made.counted["lb_subsets_selected"] == 40


def test_lists() -> None:
    hosts: dict[str, dict[str, Any]] = {"both": {"v": ["1", "2"]}, "two": {"v": "2"}}
    assert Made(Selector(("v",)), hosts=hosts, lists_are_any=True).found(v="2") == {"both", "two"}
    assert Made(Selector(("v",)), hosts=hosts).found(v="2") == {"two"}
    assert Made(Selector(("v",)), hosts=hosts).found(v=["1", "2"]) == {"both"}


def test_updates_count_subsets() -> None:
    made = Made()
    assert made.subsets.active == 5
    assert made.counted["lb_subsets_created"] == 5
    made.subsets.update((made.hosts["v1-a"],), Weights(), 0.0)
    assert made.subsets.active == 2
    assert made.counted["lb_subsets_removed"] == 3


def test_values_are_compared_as_json() -> None:
    assert comparable(1) == comparable(1.0)
    assert comparable(True) != comparable(1)
    assert comparable("1") != comparable(1)
    assert comparable({"a": [1, None]}) == comparable({"a": [1.0, None]})


def test_locality_weights_are_scaled() -> None:
    zones = Place(zone="x"), Place(zone="y")
    hosts = [Host(f"{place.zone}{n}", place=place, metadata={"v": str(n % 2)}) for place in zones for n in range(4)]
    rules = SubsetRules((Selector(("v",)),), locality_weights=True, scale_locality_weights=True)
    lb = LbRules(by_locality=True)
    made = Subsets(rules, lb, random.Random(1), count=lambda _: None, on_panic=lambda: None)
    made.update((*hosts[:4], *hosts[4:6]), Weights({(0, zones[0]): 10, (0, zones[1]): 10}), 0.0)
    picked = Counter(host.place.zone for _ in range(1000) if (host := made.pick(criteria({"v": "0"}))) is not None)
    assert abs(picked["x"] - 500) < 5
