"""The arithmetic of rolling updates: tables from Kubernetes' documentation, and rollouts played to their end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.controllers.rollout import (
    SetState,
    fence_posts,
    new_set_target,
    old_set_targets,
    proportional,
    resolve,
)


@pytest.mark.parametrize(
    ("value", "replicas", "round_up", "number"),
    [
        ("25%", 10, True, 3),
        ("25%", 10, False, 2),
        ("25%", 1, True, 1),
        ("25%", 1, False, 0),
        ("100%", 7, True, 7),
        (None, 4, True, 1),
        (3, 10, True, 3),
        ("2", 10, False, 2),
    ],
)
def test_resolve(value: int | str | None, replicas: int, round_up: bool, number: int) -> None:
    assert resolve(value, replicas, round_up=round_up) == number


def test_when_nothing_may_move_one_pod_may_be_unavailable() -> None:
    assert fence_posts(0, "10%", 5) == (0, 1)
    assert fence_posts("25%", "25%", 4) == (1, 1)
    assert fence_posts(0, 0, 3) == (0, 1)


@pytest.mark.parametrize(
    ("wanted", "surge", "new", "old", "target"),
    [
        (10, 3, 0, 10, 3),
        (10, 3, 5, 8, 5),
        (10, 3, 5, 6, 7),
        (10, 0, 0, 10, 0),
        (10, 0, 0, 8, 2),
        (3, 1, 5, 0, 3),
        (3, 100, 0, 3, 3),
    ],
)
def test_new_set(wanted: int, surge: int, new: int, old: int, target: int) -> None:
    assert new_set_target(wanted, surge, SetState("new", new, new), [SetState("old", old, old)]) == target


@pytest.mark.parametrize(
    ("wanted", "unavailable", "new", "old", "targets"),
    [
        (10, 2, (3, 0), {"a": (10, 10)}, {"a": 8}),
        (10, 0, (3, 0), {"a": (10, 10)}, {"a": 10}),
        (10, 0, (3, 2), {"a": (10, 10)}, {"a": 8}),
        # broken old pods go first, whatever the age of their set
        (10, 2, (0, 0), {"a": (5, 5), "b": (8, 0)}, {"a": 5, "b": 3}),
        # a status that lags behind does not shrink a set twice
        (3, 0, (1, 1), {"a": (2, 3)}, {"a": 2}),
        (1, 0, (1, 1), {"a": (1, 1)}, {"a": 0}),
    ],
)
def test_old_sets(
    wanted: int,
    unavailable: int,
    new: tuple[int, int],
    old: dict[str, tuple[int, int]],
    targets: dict[str, int],
) -> None:
    states = [SetState(name, *numbers) for name, numbers in old.items()]
    assert old_set_targets(wanted, unavailable, SetState("new", *new), states) == targets


@pytest.mark.parametrize(
    ("wanted", "sets", "allowed", "targets"),
    [
        # kubernetes.io, "Proportional scaling": 10 -> 15 with 8 old and 5 new pods and a surge of 3
        (15, {"old": 8, "new": 5}, 18, {"old": 11, "new": 7}),
        (5, {"old": 8, "new": 5}, 8, {"old": 5, "new": 3}),
        (0, {"old": 8, "new": 5}, 3, {"old": 0, "new": 0}),
        (10, {"old": 10}, 13, {"old": 13}),
        (10, {}, 13, {}),
    ],
)
def test_proportional(wanted: int, sets: dict[str, int], allowed: int, targets: dict[str, int]) -> None:
    assert proportional(wanted, [SetState(name, count, count) for name, count in sets.items()], allowed) == targets


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.integers(0, 40), st.integers(0, 5))
def test_proportional_shares_out_exactly(sizes: list[int], wanted: int, surge: int) -> None:
    states = [SetState(str(index), size, size) for index, size in enumerate(sizes)]
    targets = proportional(wanted, states, wanted + surge)
    if sum(sizes):
        assert sum(targets.values()) == (wanted + surge if wanted else 0)
        assert min(targets.values()) >= 0


@given(st.integers(1, 20), st.integers(0, 6), st.integers(0, 6), st.integers(0, 2**32))
def test_a_rollout_keeps_its_bounds_and_ends(wanted: int, surge: int, unavailable: int, seed: int) -> None:
    """Played with pods that become ready in any order: never too many, never too few, and it arrives."""
    rng = random.Random(seed)
    most, least = fence_posts(surge, unavailable, wanted)
    new, new_ready, old = 0, 0, wanted
    for _ in range(400):
        states = [SetState("old", old, old)]
        target = new_set_target(wanted, most, SetState("new", new, new_ready), states)
        shrunk = old_set_targets(wanted, least, SetState("new", new, new_ready), states)["old"]
        new, old = target, shrunk
        assert new + old <= wanted + most
        assert new_ready + old >= wanted - least
        if old == 0 and new_ready == wanted:
            return
        if new_ready < new:
            new_ready += rng.randint(1, new - new_ready)
    raise AssertionError("the rollout is stuck")
