"""Subsets of a cluster's hosts by their metadata, each balanced by itself (Envoy's lb_subset_config).

A route names values (`metadata_match`, filter `envoy.lb`); a selector names the keys by which hosts are grouped. When
the route's keys are exactly a selector's and some host has those values, only such hosts are picked, whatever their
health; otherwise the fallback decides (docs: load_balancing/subsets).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from sidecar.balancing.balancer import Balancer, LbRules, Weights
from sidecar.balancing.hosts import Host

SUBSETS_MAX = 4096
"""Of one cluster; hosts of further ones are found by the fallback only."""

Value = str | float | tuple[Any, ...] | None
Criteria = tuple[tuple[str, Value], ...]
"""Sorted by key, values made comparable: `criteria` makes them."""


def comparable(value: Any) -> Value:
    """A JSON value as a key: numbers are doubles, and true is not 1."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, Mapping):
        return ("struct", *sorted((str(key), comparable(one)) for key, one in value.items()))
    if isinstance(value, list | tuple):
        return ("list", *map(comparable, value))
    return None if value is None else str(value)


def criteria(match: Mapping[str, Any]) -> Criteria:
    return tuple(sorted((key, comparable(value)) for key, value in match.items()))


@dataclass(frozen=True, slots=True)
class Selector:
    keys: tuple[str, ...]
    """Sorted."""
    fallback: str = "NOT_DEFINED"
    fallback_keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SubsetRules:
    selectors: tuple[Selector, ...]
    fallback: str = "NO_FALLBACK"
    default: Criteria = ()
    locality_weights: bool = False
    scale_locality_weights: bool = False
    panic_any: bool = False
    lists_are_any: bool = False


class Subsets:
    """Counted by the names of Envoy's statistics: `count` is told of `lb_subsets_selected` and the like."""

    __slots__ = ("_all", "_balancers", "_by_keys", "_count", "_default", "_lb", "_rng", "_rules", "on_panic")

    def __init__(
        self,
        rules: SubsetRules,
        lb: LbRules,
        rng: random.Random,
        *,
        count: Callable[[str], None],
        on_panic: Callable[[], None],
    ) -> None:
        self._rules = rules
        self._lb = lb
        self._rng = rng
        self._count = count
        self.on_panic = on_panic
        self._by_keys = {selector.keys: selector for selector in reversed(rules.selectors)}
        self._balancers: dict[Criteria, Balancer] = {}
        self._all = Balancer(lb, rng, on_panic)
        self._default = Balancer(lb, rng, on_panic)

    @property
    def active(self) -> int:
        return len(self._balancers)

    def update(self, hosts: tuple[Host, ...], weights: Weights, now: float) -> None:
        rules = self._rules
        self._all.update(hosts, weights, now)
        default = [host for host in hosts if set(rules.default) <= set(criteria(host.metadata))]
        self._default.update(default, self._weights(weights, hosts, default), now)
        members: dict[Criteria, list[Host]] = {}
        for host in hosts:
            for group in self._groups(host):
                if group in members or len(members) < SUBSETS_MAX:
                    members.setdefault(group, []).append(host)
        for gone in self._balancers.keys() - members.keys():
            del self._balancers[gone]
            self._count("lb_subsets_removed")
        for group, inside in members.items():
            balancer = self._balancers.get(group)
            if balancer is None:
                balancer = self._balancers[group] = Balancer(self._lb, self._rng, self.on_panic)
                self._count("lb_subsets_created")
            balancer.update(inside, self._weights(weights, hosts, inside), now)

    def refresh(self, now: float) -> None:
        for balancer in (self._all, self._default, *self._balancers.values()):
            balancer.refresh(now)

    def _groups(self, host: Host) -> Iterable[Criteria]:
        """The subsets a host belongs to."""
        for keys in self._by_keys:
            if keys and all(key in host.metadata for key in keys):
                values = [self._values(host.metadata[key]) for key in keys]
                yield from (tuple(zip(keys, chosen, strict=True)) for chosen in product(*values))

    def _values(self, value: Any) -> list[Value]:
        if self._rules.lists_are_any and isinstance(value, list):
            return list(dict.fromkeys(map(comparable, value)))
        return [comparable(value)]

    def _weights(self, weights: Weights, hosts: Collection[Host], inside: Collection[Host]) -> Weights:
        """Of localities: none, unless asked for; scaled by how much of the locality is in the subset."""
        rules, scaled = self._rules, {}
        for (priority, place), weight in weights.by_locality.items() if rules.locality_weights else ():
            total, part = (
                sum(1 for host in group if host.priority == priority and host.place == place)
                for group in (hosts, inside)
            )
            if part:
                scaled[priority, place] = round(weight * part / total) if rules.scale_locality_weights else weight
        return Weights(scaled, overprovisioning=weights.overprovisioning, weighted_health=weights.weighted_health)

    def pick(
        self,
        wanted: Criteria,
        now: float = 0.0,
        key: int | None = None,
        tried: Collection[Host] = (),
        attempts: int = 1,
    ) -> Host | None:
        """`wanted`: what the route asks for; () = nothing."""
        if wanted:
            balancer = self._balancers.get(wanted)
            if balancer is not None:
                self._count("lb_subsets_selected")
                return balancer.pick(now, key, tried, attempts)
            selector = self._by_keys.get(tuple(name for name, _ in wanted))
            if selector is not None and selector.fallback != "NOT_DEFINED":
                return self._selector_fallback(selector, wanted, now, key, tried, attempts)
        fallback = {"ANY_ENDPOINT": self._all, "DEFAULT_SUBSET": self._default}.get(self._rules.fallback)
        host = fallback.pick(now, key, tried, attempts) if fallback is not None else None
        if host is not None:
            self._count("lb_subsets_fallback")
        elif self._rules.panic_any and (host := self._all.pick(now, key, tried, attempts)) is not None:
            self._count("lb_subsets_fallback_panic")
        return host

    def _selector_fallback(
        self, selector: Selector, wanted: Criteria, now: float, key: int | None, tried: Collection[Host], attempts: int
    ) -> Host | None:
        if selector.fallback == "KEYS_SUBSET":
            fewer = tuple(one for one in wanted if one[0] in selector.fallback_keys)
            return self.pick(fewer, now, key, tried, attempts)
        chosen = {"ANY_ENDPOINT": self._all, "DEFAULT_SUBSET": self._default}.get(selector.fallback)
        return chosen.pick(now, key, tried, attempts) if chosen is not None else None
