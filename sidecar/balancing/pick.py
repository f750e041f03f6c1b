"""Picking one of a tuple of hosts: round robin, least request, random. No clock, no sockets.

Sources: Envoy's load balancers (docs: intro/arch_overview/upstream/load_balancing/load_balancers). While weights are
equal and nobody starts slowly, round robin counts and least request is the power of two choices; else both are an EDF
schedule. Random knows no weights, as in Envoy.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sidecar.balancing.edf import Edf
from sidecar.balancing.hosts import Health, Host

CHOICE_COUNT = 2
"""Envoy's default of `least_request_lb_config.choice_count`."""


class Picker(Protocol):
    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        """`key`: what consistent policies pick by; `attempt`: how many hosts were refused before, for this pick."""
        ...


@dataclass(frozen=True, slots=True)
class SlowStart:
    """A host that just became healthy gets a growing part of its share (docs: load_balancing/slow_start)."""

    window_s: float
    aggression: float = 1.0
    min_fraction: float = 0.1

    def factor(self, host: Host, now: float) -> float:
        since = host.healthy_since_s
        if since is None or now - since >= self.window_s or host.health is not Health.HEALTHY:
            return 1.0
        part = max(now - since, 0.001) / self.window_s
        return float(max(part ** (1 / self.aggression), self.min_fraction))

    def slows(self, hosts: Sequence[Host], now: float) -> bool:
        return any(self.factor(host, now) < 1.0 for host in hosts)


def uneven(hosts: Sequence[Host], slow_start: SlowStart | None, now: float) -> bool:
    """Whether turns do not simply alternate."""
    return len({host.weight for host in hosts}) > 1 or (slow_start is not None and slow_start.slows(hosts, now))


class NoHost:
    __slots__ = ()

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        return None


class One:
    """There is nothing to choose."""

    __slots__ = ("_host",)

    def __init__(self, host: Host) -> None:
        self._host = host

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        return self._host


class RoundRobin:
    __slots__ = ("_hosts", "_next", "_size")

    def __init__(self, hosts: tuple[Host, ...], rng: random.Random) -> None:
        """Starts at a random host, so that proxies do not march in step."""
        self._hosts = hosts
        self._size = len(hosts)
        self._next = rng.randrange(self._size)

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        at = self._next
        self._next = at + 1 if at + 1 < self._size else 0
        return self._hosts[at]


class LeastRequest:
    """Of `choice_count` hosts drawn at random, the one with the fewest requests under way."""

    __slots__ = ("_choice_count", "_hosts", "_size")

    def __init__(self, hosts: tuple[Host, ...], choice_count: int = CHOICE_COUNT) -> None:
        self._hosts = hosts
        self._size = len(hosts)
        self._choice_count = choice_count

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        hosts, size, chance = self._hosts, self._size, rng.random
        best = hosts[int(chance() * size)]
        for _ in range(self._choice_count - 1):
            other = hosts[int(chance() * size)]
            if other.active < best.active:
                best = other
        return best


class Random:
    __slots__ = ("_hosts",)

    def __init__(self, hosts: tuple[Host, ...]) -> None:
        self._hosts = hosts

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        return self._hosts[int(rng.random() * len(self._hosts))]


class Weighted:
    """An EDF schedule: by weight, for least request divided by (active + 1) ^ bias, slowed for who just started."""

    __slots__ = ("_bias", "_edf", "_slow_start")

    def __init__(
        self,
        hosts: tuple[Host, ...],
        rng: random.Random,
        now: float,
        *,
        active_bias: float = 0.0,
        slow_start: SlowStart | None = None,
    ) -> None:
        self._bias = active_bias
        self._slow_start = slow_start
        self._edf = Edf(hosts, self._weight, rng, now)

    def _weight(self, host: Host, now: float) -> float:
        weight: float = host.weight
        if self._bias:
            weight /= (host.active + 1) ** self._bias
        return weight * self._slow_start.factor(host, now) if self._slow_start is not None else weight

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        return self._edf.pick(now)
