"""STRICT_DNS and LOGICAL_DNS clusters: their names asked again and again, their hosts kept in step."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from sidecar.config.core import Address
from sidecar.config.endpoint import ClusterLoadAssignment, LbEndpoint
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.clusters import Clusters
from sidecar.net.resolver import Resolver
from sidecar.net.tasks import spawn

REFRESH_S_MIN = 0.2


class DnsClusters:
    """Follows every DNS cluster from when it is set until it is replaced or removed."""

    def __init__(self, clusters: Clusters, resolver: Resolver) -> None:
        self._clusters = clusters
        self._resolver = resolver
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
        last: ClusterLoadAssignment | None = None
        while True:
            found = await self._assignment(cluster)
            if found is not None and found != last:
                last = found
                self._clusters.resolved(cluster, found)
            await asyncio.sleep(max(cluster.config.dns_refresh_rate, REFRESH_S_MIN))

    async def _assignment(self, cluster: Cluster) -> ClusterLoadAssignment | None:
        """The configured endpoints with addresses for names; None = nothing could be learnt now."""
        configured = cluster.config.load_assignment
        if configured is None:
            return ClusterLoadAssignment(cluster_name=cluster.name)
        logical = cluster.config.type == "LOGICAL_DNS"
        localities, answered = [], False
        for locality in configured.endpoints:
            endpoints: list[LbEndpoint] = []
            for one in locality.lb_endpoints:
                addresses = await self._lookup(cluster, one)
                if addresses is None:
                    continue
                answered = True
                endpoints += [_at(one, address) for address in (addresses[:1] if logical else addresses)]
            localities.append(msgspec.structs.replace(locality, lb_endpoints=tuple(endpoints)))
        return msgspec.structs.replace(configured, endpoints=tuple(localities)) if answered else None

    async def _lookup(self, cluster: Cluster, one: LbEndpoint) -> tuple[str, ...] | None:
        wanted = one.endpoint.address.socket_address
        if wanted is None:
            return ("",)
        return await self._resolver.lookup(wanted.address, cluster.config.dns_lookup_family)

    def close(self) -> None:
        for name in list(self._tasks):
            self.forget(name)


def _at(one: LbEndpoint, address: str) -> LbEndpoint:
    wanted = one.endpoint.address.socket_address
    if wanted is None or wanted.address == address:
        return one
    resolved = Address(socket_address=msgspec.structs.replace(wanted, address=address))
    hostname = one.endpoint.hostname or wanted.address
    return msgspec.structs.replace(
        one, endpoint=msgspec.structs.replace(one.endpoint, address=resolved, hostname=hostname)
    )
