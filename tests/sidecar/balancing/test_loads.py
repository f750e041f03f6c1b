"""Priority spill and panic: Envoy's own tables, and what holds of any cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.balancing.loads import Counts, Loads, spread


def counts(hosts: int, healthy: int, degraded: int = 0, excluded: int = 0) -> Counts:
    counted = hosts - excluded
    return Counts(hosts, counted, healthy, degraded, counted, healthy, degraded)


def loads(*levels: tuple[int, ...], panic: int = 50, factor: int = 140) -> Loads:
    return spread([counts(*one) for one in levels], overprovisioning=factor, panic_threshold=panic)


@pytest.mark.parametrize(
    ("levels", "expected"),
    # docs: intro/arch_overview/upstream/load_balancing/priority, the table of two priorities.
    [
        (((100, 100), (100, 100)), (100, 0)),
        (((100, 72), (100, 72)), (100, 0)),
        (((100, 71), (100, 71)), (99, 1)),
        (((100, 50), (100, 50)), (70, 30)),
        (((100, 25), (100, 100)), (35, 65)),
        (((100, 25), (100, 25)), (50, 50)),
        (((100, 0), (100, 100)), (0, 100)),
        (((100, 0), (100, 25)), (0, 100)),
        (((100, 100), (100, 25), (100, 25)), (100, 0, 0)),
        (((100, 25), (100, 25), (100, 100)), (35, 35, 30)),
        (((100, 25), (100, 25), (100, 20)), (37, 35, 28)),
    ],
)  # fmt: skip
def test_spill(levels: tuple[tuple[int, int], ...], expected: tuple[int, ...]) -> None:
    assert loads(*levels, panic=0).healthy == expected


def test_degraded_hosts_come_after_all_healthy_ones() -> None:
    # The same page: 25 % healthy and 75 % degraded of one priority, then a healthy second one.
    found = loads((4, 1, 3), (4, 4, 0), panic=0)
    assert (found.healthy, found.degraded) == ((35, 65), (0, 0))
    found = loads((4, 1, 3), (4, 0, 4), panic=0)
    assert (found.healthy, found.degraded) == ((35, 0), (65, 0))


@pytest.mark.parametrize(
    ("levels", "healthy", "panic"),
    # docs: .../panic_threshold
    [
        (((100, 72), (100, 72)), (100, 0), (False, False)),
        (((100, 71), (100, 71)), (99, 1), (False, False)),
        (((100, 50), (100, 60)), (70, 30), (False, False)),
        (((100, 25), (100, 100)), (35, 65), (False, False)),
        (((100, 25), (100, 25)), (50, 50), (True, True)),
        (((100, 5), (100, 65)), (8, 92), (True, False)),
        (((10, 0), (30, 0)), (25, 75), (True, True)),
        (((2, 1),), (100,), (False,)),
        (((3, 1),), (100,), (True,)),
        (((0, 0),), (100,), (True,)),
    ],
)
def test_panic(levels: tuple[tuple[int, int], ...], healthy: tuple[int, ...], panic: tuple[bool, ...]) -> None:
    found = loads(*levels)
    assert (found.healthy, found.panic) == (healthy, panic)


def test_no_panic_at_zero_and_excluded_hosts_do_not_count() -> None:
    assert loads((10, 0), panic=0) == Loads((100,), (0,), (False,))
    assert loads((10, 2, 0, 7)).panic == (False,)
    assert loads() == Loads((), (), ())


LEVEL = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)).map(
    lambda one: (one[0] + one[1] + one[2], one[0], one[1])
)


@given(st.lists(LEVEL, min_size=1, max_size=6), st.integers(0, 100), st.integers(100, 1000))
def test_all_of_the_load_goes_somewhere(levels: list[tuple[int, int, int]], panic: int, factor: int) -> None:
    found = loads(*levels, panic=panic, factor=factor)
    assert sum(found.healthy) + sum(found.degraded) == 100
    assert min(found.healthy + found.degraded) >= 0
    if any(healthy or degraded for _, healthy, degraded in levels) and not all(found.panic):
        for (_, healthy, degraded), load, degraded_load in zip(levels, found.healthy, found.degraded, strict=True):
            assert healthy or not load
            assert degraded or not degraded_load
