"""From a cluster's hosts to one host: priority, health or panic, locality, then the policy's own choice.

All that depends on hosts alone is decided in `refresh`, after each change; a pick reads it. With one priority and no
locality weights, which is nearly always, a pick is one call.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import accumulate

from sidecar.balancing import consistent
from sidecar.balancing.edf import Edf
from sidecar.balancing.hashes import murmurhash2, xxhash64
from sidecar.balancing.hosts import OVERPROVISIONING_PERCENT, Health, Host, Place
from sidecar.balancing.loads import Counts, Loads, spread
from sidecar.balancing.pick import (
    CHOICE_COUNT,
    LeastRequest,
    NoHost,
    One,
    Picker,
    Random,
    RoundRobin,
    SlowStart,
    Weighted,
    uneven,
)

PANIC_THRESHOLD_PERCENT = 50
"""Envoy's default of `common_lb_config.healthy_panic_threshold`. Istio sets it to 0."""
CONSISTENT = frozenset({"RING_HASH", "MAGLEV"})


@dataclass(frozen=True, slots=True)
class LbRules:
    """A cluster's policy, compiled."""

    policy: str = "ROUND_ROBIN"
    panic_threshold: int = PANIC_THRESHOLD_PERCENT
    fail_on_panic: bool = False
    by_locality: bool = False
    choice_count: int = CHOICE_COUNT
    active_bias: float = 1.0
    slow_start: SlowStart | None = None
    ring_min: int = consistent.RING_SIZE_MIN
    ring_max: int = consistent.RING_SIZE_MAX
    murmur: bool = False
    table_size: int = consistent.MAGLEV_TABLE_SIZE

    @property
    def consistent(self) -> bool:
        return self.policy in CONSISTENT


class Weights:
    """What an assignment says beside its hosts."""

    __slots__ = ("by_locality", "overprovisioning", "weighted_health")

    def __init__(
        self,
        by_locality: dict[tuple[int, Place], int] | None = None,
        *,
        overprovisioning: int = OVERPROVISIONING_PERCENT,
        weighted_health: bool = False,
    ) -> None:
        self.by_locality = by_locality or {}
        """By priority and locality; who is not here has no weight."""
        self.overprovisioning = overprovisioning
        """Per cent; 140: a priority takes its whole load until fewer than 72 % of its hosts are available."""
        self.weighted_health = weighted_health
        """A priority's health is that of its weight, not of the number of hosts."""


class _Locality:
    __slots__ = ("picker", "weight")

    def __init__(self, picker: Picker, weight: float) -> None:
        self.picker = picker
        self.weight = weight


class _Localities:
    """A schedule of localities by effective weight, each with its own picker."""

    __slots__ = ("_edf",)

    def __init__(self, localities: list[_Locality], rng: random.Random) -> None:
        self._edf = Edf(localities, lambda one, _: one.weight, rng)

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        return self._edf.pick().picker.pick(rng, now, key, attempt)


class _Panicking:
    """Health does not count here, and each pick is told of."""

    __slots__ = ("_inner", "_tell")

    def __init__(self, inner: Picker, tell: Callable[[], None]) -> None:
        self._inner = inner
        self._tell = tell

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        self._tell()
        return self._inner.pick(rng, now, key, attempt)


class Balancer:
    """Picks among the hosts of one cluster, or of one subset of them."""

    __slots__ = ("_bounds", "_hosts", "_pickers", "_weights", "loads", "on_panic", "only", "rng", "rules")

    def __init__(self, rules: LbRules, rng: random.Random, on_panic: Callable[[], None] = lambda: None) -> None:
        self.rules = rules
        self.rng = rng
        self.on_panic = on_panic
        self._hosts: tuple[Host, ...] = ()
        self._weights = Weights()
        self.only: Picker | None = NoHost()
        """All of the load goes here; None = a draw decides between several."""
        self._pickers: list[Picker] = []
        self._bounds: list[int] = []
        """The n-th picker gets the part of 100 that ends here."""
        self.loads = Loads((), (), ())

    def update(self, hosts: Iterable[Host], weights: Weights, now: float) -> None:
        self._hosts = tuple(hosts)
        self._weights = weights
        self.refresh(now)

    def refresh(self, now: float) -> None:
        """After the hosts, their weights or the health of any changed."""
        count = max((host.priority for host in self._hosts), default=-1) + 1
        levels: list[list[Host]] = [[] for _ in range(count)]
        for host in self._hosts:
            levels[host.priority].append(host)
        counted = [_counts(level, by_weight=self._weights.weighted_health) for level in levels]
        rules = self.rules
        self.loads = spread(
            counted, overprovisioning=self._weights.overprovisioning, panic_threshold=rules.panic_threshold
        )
        parts: list[tuple[int, Picker]] = []
        for health, loads in ((Health.HEALTHY, self.loads.healthy), (Health.DEGRADED, self.loads.degraded)):
            parts += [
                (load, self._picker(index, levels[index], health, now)) for index, load in enumerate(loads) if load
            ]
        self._pickers = [picker for _, picker in parts]
        self._bounds = list(accumulate(load for load, _ in parts))
        self.only = self._pickers[0] if len(self._pickers) == 1 else None if self._pickers else NoHost()

    def _picker(self, priority: int, level: list[Host], health: Health, now: float) -> Picker:
        if self.loads.panic[priority]:
            inner = NoHost() if self.rules.fail_on_panic else self._policy(priority, level, level, now, panic=True)
            return _Panicking(inner, self.on_panic)
        able = [host for host in level if host.health is health]
        if self.rules.consistent and health is Health.DEGRADED:
            # Envoy's tables hold healthy hosts only, whatever part of the keys the degraded ones are due.
            able = [host for host in level if host.health is Health.HEALTHY] or able
        return self._policy(priority, level, able, now)

    def _policy(
        self, priority: int, level: list[Host], hosts: list[Host], now: float, *, panic: bool = False
    ) -> Picker:
        """`hosts`: those of the level that may be picked."""
        rules = self.rules
        groups = self._localities(priority, level, hosts, effective=not rules.consistent) if rules.by_locality else []
        if rules.consistent:
            return self._table([(inner, weight) for inner, weight in groups] or [(hosts, 1.0)])
        if groups and not panic:
            return _Localities(
                [_Locality(self._plain(tuple(inner), now), weight) for inner, weight in groups], self.rng
            )
        return self._plain(tuple(hosts), now)

    def _plain(self, hosts: tuple[Host, ...], now: float) -> Picker:
        rules = self.rules
        if len(hosts) < 2:
            return One(hosts[0]) if hosts else NoHost()
        if rules.policy == "RANDOM":
            return Random(hosts)
        if uneven(hosts, rules.slow_start, now):
            bias = rules.active_bias if rules.policy == "LEAST_REQUEST" else 0.0
            return Weighted(hosts, self.rng, now, active_bias=bias, slow_start=rules.slow_start)
        if rules.policy == "LEAST_REQUEST":
            return LeastRequest(hosts, rules.choice_count)
        return RoundRobin(hosts, self.rng)

    def _table(self, groups: list[tuple[list[Host], float]]) -> Picker:
        rules = self.rules
        total = sum(weight for hosts, weight in groups if hosts)
        shares = consistent.normalise([(hosts, weight / total) for hosts, weight in groups if hosts])
        if not shares:
            return NoHost()
        if rules.policy == "MAGLEV":
            return consistent.Maglev(shares, size=rules.table_size)
        hash_of = murmurhash2 if rules.murmur else xxhash64
        return consistent.Ring(shares, minimum=rules.ring_min, maximum=rules.ring_max, hash_of=hash_of)

    def _localities(
        self, priority: int, level: list[Host], hosts: list[Host], *, effective: bool
    ) -> list[tuple[list[Host], float]]:
        """Hosts of each locality with its weight; `effective`: times its availability, overprovisioned."""
        weights = self._weights
        able: dict[Place, list[Host]] = {}
        for host in hosts:
            able.setdefault(host.place, []).append(host)
        found = []
        for place, members in able.items():
            weight: float = weights.by_locality.get((priority, place), 0)
            if effective:
                counted = sum(1 for host in level if host.place == place and not host.excluded)
                share = weights.overprovisioning / 100 * len(members) / counted if counted else 0.0
                weight *= min(1.0, share)
            if weight > 0:
                found.append((members, weight))
        return found

    def pick(
        self, now: float = 0.0, key: int | None = None, tried: Collection[Host] = (), attempts: int = 1
    ) -> Host | None:
        """None = no host is available. Hosts of `tried` are avoided, as far as `attempts` picks find another; `key`
        None = by chance."""
        rng = self.rng
        if key is None:
            key = rng.getrandbits(64) if self.only is None or self.rules.consistent else 0
        picker = self.only
        if picker is None:
            part = key % 100 + 1
            picker = self._pickers[next(index for index, bound in enumerate(self._bounds) if part <= bound)]
        host = picker.pick(rng, now, key, 0)
        for attempt in range(1, attempts):
            if host is None or host not in tried:
                break
            host = picker.pick(rng, now, key, attempt)
        return host


def _counts(level: list[Host], *, by_weight: bool) -> Counts:
    counted = [host for host in level if not host.excluded]
    healthy = [host for host in counted if host.health is Health.HEALTHY]
    degraded = [host for host in counted if host.health is Health.DEGRADED]
    sizes = len(counted), len(healthy), len(degraded)
    weighed = tuple(sum(host.weight for host in group) for group in (counted, healthy, degraded))
    return Counts(len(level), *sizes, *(weighed if by_weight else sizes))
