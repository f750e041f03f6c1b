"""Picking a host: round robin, least request, random. One small object a cluster, no clock, no sockets.

Sources: Envoy's load balancers (docs: intro/arch_overview/upstream/load_balancing/load_balancers). LEAST_REQUEST
with equal weights is the power of two choices; with unequal weights a weighted draw with weight / (active + 1).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Protocol

from sidecar.balancing.hosts import Host

CHOICE_COUNT = 2
"""Envoy's default of `least_request_lb_config.choice_count`."""


class Picker(Protocol):
    def pick(self, candidates: Sequence[Host], rng: random.Random, excluded: Collection[Host] = ()) -> Host | None:
        """A host, None when there is none. `excluded` hosts are avoided while others are left (previous_hosts)."""
        ...


def _left(candidates: Sequence[Host], excluded: Collection[Host]) -> Sequence[Host]:
    if not excluded:
        return candidates
    return [host for host in candidates if host not in excluded] or candidates


class LeastRequest:
    """Of `choice_count` hosts drawn at random, the one with the fewest requests under way."""

    __slots__ = ("_choice_count",)

    def __init__(self, choice_count: int = CHOICE_COUNT) -> None:
        self._choice_count = choice_count

    def pick(self, candidates: Sequence[Host], rng: random.Random, excluded: Collection[Host] = ()) -> Host | None:
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        left = _left(candidates, excluded)
        if len({host.weight for host in left}) > 1:
            return rng.choices(left, [host.weight / (host.active + 1) for host in left])[0]
        drawn = [left[int(rng.random() * len(left))] for _ in range(self._choice_count)]
        return min(drawn, key=_active)


def _active(host: Host) -> int:
    return host.active


class RoundRobin:
    """Each host in proportion to its weight, spread evenly: smooth weighted round robin over the present hosts."""

    __slots__ = ("_current", "_next")

    def __init__(self, start: int = 0) -> None:
        self._next = start
        self._current: dict[str, int] = {}

    def pick(self, candidates: Sequence[Host], rng: random.Random, excluded: Collection[Host] = ()) -> Host | None:
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        left = _left(candidates, excluded)
        if len({host.weight for host in left}) == 1:
            self._next += 1
            return left[(self._next - 1) % len(left)]
        return self._smooth(left)

    def _smooth(self, left: Sequence[Host]) -> Host:
        if len(self._current) > 2 * len(left):
            self._current = {host.key: self._current.get(host.key, 0) for host in left}
        total = 0
        for host in left:
            total += host.weight
            self._current[host.key] = self._current.get(host.key, 0) + host.weight
        best = max(left, key=lambda host: self._current[host.key])
        self._current[best.key] -= total
        return best


class Random:
    """Any host, in proportion to its weight."""

    __slots__ = ()

    def pick(self, candidates: Sequence[Host], rng: random.Random, excluded: Collection[Host] = ()) -> Host | None:
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        left = _left(candidates, excluded)
        return rng.choices(left, [host.weight for host in left])[0]


def make_picker(lb_policy: str, rng: random.Random, *, choice_count: int = CHOICE_COUNT) -> Picker:
    """By the name of Envoy's `lb_policy`. Round robin starts at a random host, so that proxies do not march in step."""
    if lb_policy == "ROUND_ROBIN":
        return RoundRobin(rng.randrange(1 << 16))
    if lb_policy == "RANDOM":
        return Random()
    if lb_policy == "LEAST_REQUEST":
        return LeastRequest(choice_count)
    raise AssertionError(f"configuration let through the policy {lb_policy}")
