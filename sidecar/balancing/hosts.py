"""The hosts of one cluster, and which of them may be picked.

Priorities, panic and ejection as Envoy has them (docs: intro/arch_overview/upstream/load_balancing): the lowest
priority with a usable host is used; when fewer than the panic threshold of its hosts are usable, all of them are,
because a mass failure is more likely to be ours than theirs. Istio sets the threshold to 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PANIC_THRESHOLD_PERCENT = 50.0
"""Envoy's default of `common_lb_config.healthy_panic_threshold`."""


class Host:
    """One endpoint with what is known of it now. Its identity survives updates of the cluster, with its state."""

    __slots__ = ("active", "ejected_until_s", "endpoint", "healthy", "key", "priority", "weight")

    def __init__(
        self, key: str, endpoint: Any = None, *, weight: int = 1, priority: int = 0, healthy: bool = True
    ) -> None:
        self.key = key
        self.endpoint = endpoint
        self.weight = weight
        self.priority = priority
        self.healthy = healthy
        self.active = 0  # requests under way
        self.ejected_until_s = 0.0  # 0 = not ejected

    @property
    def usable(self) -> bool:
        return self.healthy and not self.ejected_until_s

    def __repr__(self) -> str:
        state = "healthy" if self.usable else "ejected" if self.healthy else "unhealthy"
        return f"<Host {self.key} {state} weight={self.weight} active={self.active}>"


class HostSet:
    """All hosts of a cluster; `candidates` is computed on change, so that a pick reads one tuple."""

    __slots__ = ("_panic_fraction", "all", "candidates")

    def __init__(self, hosts: Iterable[Host] = (), *, panic_threshold_percent: float = PANIC_THRESHOLD_PERCENT) -> None:
        self.all: tuple[Host, ...] = tuple(hosts)
        self.candidates: tuple[Host, ...] = ()
        self._panic_fraction = panic_threshold_percent / 100
        self.refresh()

    def refresh(self) -> None:
        """After the health or ejection of any host changed."""
        by_priority: dict[int, list[Host]] = {}
        for host in self.all:
            by_priority.setdefault(host.priority, []).append(host)
        levels = [(hosts, [host for host in hosts if host.usable]) for _, hosts in sorted(by_priority.items())]
        chosen = next((level for level in levels if level[1]), levels[0] if levels else ([], []))
        hosts, usable = chosen
        panic = bool(hosts) and len(usable) < self._panic_fraction * len(hosts)
        self.candidates = tuple(hosts if panic else usable)

    def update(self, hosts: Iterable[Host]) -> tuple[Host, ...]:
        """Replace the hosts, keeping the state of those that stay; returns those that left."""
        known = {host.key: host for host in self.all}
        fresh = []
        for host in hosts:
            kept = known.pop(host.key, None)
            if kept is None:
                fresh.append(host)
                continue
            kept.endpoint, kept.weight = host.endpoint, host.weight
            kept.priority, kept.healthy = host.priority, host.healthy
            fresh.append(kept)
        self.all = tuple(fresh)
        self.refresh()
        return tuple(known.values())
