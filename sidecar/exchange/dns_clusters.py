"""STRICT_DNS and LOGICAL_DNS clusters: each name asked again when its answer is old, hosts kept in step.

When that is follows Envoy (source/extensions/clusters/strict_dns): the refresh rate, or the time the answer holds
(`respect_dns_ttl`), with jitter; after a failure the failure rate, doubled each time up to its maximum.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import msgspec

from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.config.core import Address
from sidecar.config.endpoint import ClusterLoadAssignment, LbEndpoint
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.clusters import Clusters
from sidecar.net.resolver import Answer, Resolver
from sidecar.net.tasks import spawn

REFRESH_S_MIN = 0.2
DOUBLINGS_MAX = 16


class _Name:
    """One configured endpoint, and what its name stood for when it was asked last."""

    __slots__ = ("addresses", "configured", "due_s", "failures", "locality", "ttl_s")

    def __init__(self, locality: int, configured: LbEndpoint) -> None:
        self.locality = locality
        self.configured = configured
        self.addresses: tuple[str, ...] | None = None
        self.due_s = 0.0
        self.failures = 0
        """Since the last answer."""
        self.ttl_s = 0
        """How long the answer holds; 0 = not known."""


class DnsClusters:
    """Follows every DNS cluster from when it is set until it is replaced or removed."""

    def __init__(self, clusters: Clusters, resolver: Resolver, rng: random.Random) -> None:
        self._clusters = clusters
        self._resolver = resolver
        self._rng = rng
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def follow(self, cluster: Cluster) -> None:
        if cluster.config.type not in {"STRICT_DNS", "LOGICAL_DNS"}:
            self.forget(cluster.name)
            return
        self.forget(cluster.name)
        self._tasks[cluster.name] = spawn(self._refresh(cluster), name=f"dns {cluster.name}")

    def forget(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    async def _refresh(self, cluster: Cluster) -> None:
        configured = cluster.config.load_assignment or ClusterLoadAssignment(cluster_name=cluster.name)
        names = [
            _Name(index, one) for index, locality in enumerate(configured.endpoints) for one in locality.lb_endpoints
        ]
        loop = asyncio.get_running_loop()
        last: ClusterLoadAssignment | None = None
        while True:
            for name in [one for one in names if one.due_s <= loop.time()]:
                await self._ask(cluster, name)
                name.due_s = loop.time() + max(delay_s(cluster.config, name, self._rng), REFRESH_S_MIN)
            if not names or any(one.addresses is not None for one in names):
                found = assignment(configured, names, logical=cluster.config.type == "LOGICAL_DNS")
                if found != last:
                    last = found
                    self._clusters.resolved(cluster, found)
            if not names:
                return
            await asyncio.sleep(max(min(one.due_s for one in names) - loop.time(), 0.0))

    async def _ask(self, cluster: Cluster, name: _Name) -> None:
        config, stats = cluster.config, cluster.stats
        wanted = name.configured.endpoint.address.socket_address
        stats.count("update_attempt")
        answer: Answer | None = Answer(("",))  # a pipe is where it is
        if wanted is not None:
            answer = await self._resolver.lookup(wanted.address, config.dns_lookup_family, ttl=config.respect_dns_ttl)
        if answer is None:
            name.failures += 1
            stats.count("update_failure")
            return
        name.failures = 0
        stats.count("update_success")
        if answer.addresses == name.addresses:
            stats.count("update_no_rebuild")
        name.addresses = answer.addresses
        name.ttl_s = answer.ttl_s

    def close(self) -> None:
        for name in list(self._tasks):
            self.forget(name)


def delay_s(config: ClusterConfig, name: _Name, rng: random.Random) -> float:
    """Until a name is asked again."""
    if name.failures:
        rate = config.dns_failure_refresh_rate
        if rate is None:
            return config.dns_refresh_rate
        longest = rate.max_interval or 10 * rate.base_interval
        doubled = rate.base_interval * (1 << min(name.failures - 1, DOUBLINGS_MAX))
        return rng.random() * min(doubled, longest)
    delay = name.ttl_s if config.respect_dns_ttl and name.ttl_s else config.dns_refresh_rate
    return delay + rng.random() * config.dns_jitter


def assignment(configured: ClusterLoadAssignment, names: list[_Name], *, logical: bool) -> ClusterLoadAssignment:
    """The configured endpoints with addresses for names. `logical`: only the first address of each."""
    localities = []
    for index, locality in enumerate(configured.endpoints):
        endpoints: list[LbEndpoint] = []
        for name in names:
            if name.locality == index and name.addresses:
                chosen = name.addresses[:1] if logical else name.addresses
                endpoints += [_at(name.configured, address) for address in chosen]
        localities.append(msgspec.structs.replace(locality, lb_endpoints=tuple(endpoints)))
    return msgspec.structs.replace(configured, endpoints=tuple(localities))


def _at(one: LbEndpoint, address: str) -> LbEndpoint:
    wanted = one.endpoint.address.socket_address
    if wanted is None or wanted.address == address:
        return one
    resolved = Address(socket_address=msgspec.structs.replace(wanted, address=address))
    hostname = one.endpoint.hostname or wanted.address
    return msgspec.structs.replace(
        one, endpoint=msgspec.structs.replace(one.endpoint, address=resolved, hostname=hostname)
    )
