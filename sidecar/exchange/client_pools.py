"""Connections that belong to one client connection (PROXY protocol) or to one server name (auto_sni): pools by key.

There may be many, and most are soon not needed again: beyond a bound those without anything under way are let go.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from sidecar.exchange.pool import Pool

POOLS_MAX = 1024
POOLS_DROPPED = 64
"""At once, when there are too many: looking for them costs a walk."""


class ClientPools:
    """Least recently used first. Keys begin with the host's."""

    __slots__ = ("_pools",)

    def __init__(self) -> None:
        self._pools: OrderedDict[str, Pool] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pools)

    def __iter__(self) -> Iterator[Pool]:
        return iter(self._pools.values())

    def get(self, host_key: str, rest: str, make: Callable[[], Pool]) -> Pool:
        key = f"{host_key}|{rest}"
        pool = self._pools.get(key)
        if pool is not None:
            self._pools.move_to_end(key)
            return pool
        if len(self._pools) >= POOLS_MAX:
            for old in [name for name, one in self._pools.items() if one.unused][:POOLS_DROPPED]:
                self._pools.pop(old).close()
        pool = self._pools[key] = make()
        return pool

    def of(self, host_key: str) -> list[Pool]:
        lead = f"{host_key}|"
        return [pool for key, pool in self._pools.items() if key.startswith(lead)]

    def forget(self, host_key: str) -> None:
        """The host left, or is reached another way."""
        lead = f"{host_key}|"
        for key in [key for key in self._pools if key.startswith(lead)]:
            self._pools.pop(key).close()

    def clear(self) -> None:
        self._pools.clear()
