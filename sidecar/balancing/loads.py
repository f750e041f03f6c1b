"""How much of the traffic each priority gets, and which of them are in panic.

Envoy's rules (docs: load_balancing/priority, /panic_threshold, /overprovisioning), in its own whole percents: each
priority's health is its share of available hosts times the overprovisioning factor; the first priority takes what its
health covers, the next ones the rest, healthy before degraded. When every priority is in panic, the traffic is spread
by the number of hosts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Counts(NamedTuple):
    """Of one priority: hosts, or their weights when health is by weight; `hosts` counts all of them always."""

    hosts: int
    counted: int
    """Without excluded ones."""
    healthy: int
    degraded: int
    counted_weight: int
    healthy_weight: int
    degraded_weight: int


class Loads(NamedTuple):
    """Per cent of the traffic by priority; the sum of both is 100."""

    healthy: tuple[int, ...]
    degraded: tuple[int, ...]
    panic: tuple[bool, ...]


def spread(levels: Sequence[Counts], *, overprovisioning: int, panic_threshold: int) -> Loads:
    """`overprovisioning` and `panic_threshold` in per cent; 0 = no panic ever."""
    if not levels:
        return Loads((), (), ())
    health = [_share(one.healthy_weight, one.counted_weight, overprovisioning) for one in levels]
    degraded_health = [_share(one.degraded_weight, one.counted_weight, overprovisioning) for one in levels]
    available = min(100, sum(health) + sum(degraded_health))
    none = (0,) * (len(levels) - 1)
    if not available and not panic_threshold:
        return Loads((100, *none), (0, *none), (False, *[False] * len(none)))
    panic = tuple(available != 100 and _in_panic(one, panic_threshold) for one in levels)
    if all(panic):
        return Loads(_by_hosts(levels), (0, *none), panic)
    if not available:
        return Loads((100, *none), (0, *none), panic)
    healthy, left = _distribute(health, 100, available)
    degraded, left = _distribute(degraded_health, left, available)
    if left:  # what rounding lost goes to the first in use
        first = next((index for index, one in enumerate(health) if one), None)
        if first is not None:
            healthy[first] += left
        else:
            degraded[next(index for index, one in enumerate(degraded_health) if one)] += left
    return Loads(tuple(healthy), tuple(degraded), panic)


def _share(part: int, whole: int, overprovisioning: int) -> int:
    return min(100, overprovisioning * part // whole) if whole else 0


def _in_panic(level: Counts, threshold: int) -> bool:
    available = 100 * (level.healthy + level.degraded) / level.counted if level.counted else 0.0
    return available < threshold


def _distribute(health: Sequence[int], load: int, available: int) -> tuple[list[int], int]:
    given = []
    for one in health:
        given.append(min(load, one * 100 // available))
        load -= given[-1]
    return given, load


def _by_hosts(levels: Sequence[Counts]) -> tuple[int, ...]:
    total = sum(one.hosts for one in levels)
    if not total:
        return (100, *[0] * (len(levels) - 1))
    given = [100 * one.hosts // total for one in levels]
    given[next(index for index, one in enumerate(levels) if one.hosts)] += 100 - sum(given)
    return tuple(given)
