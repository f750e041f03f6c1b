"""All clusters by name, and what they share. A cluster replaces its predecessor when it is warm."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator

from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.config.endpoint import ClusterLoadAssignment
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.guard import Guard
from sidecar.exchange.targets import Transports
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.sandbox import Shim
from sidecar.net.secrets import SecretStore
from sidecar.net.tls import PathResolver
from sidecar.telemetry.stats import Metric, Stats

FIRST_CHECKS_S = 15.0
"""How long listeners wait for the first round of health checks."""


class Clusters:
    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        secrets: SecretStore,
        stats: Stats,
        rng: random.Random,
        own_address: str,
        resolve_path: PathResolver,
        guard: Guard,
    ) -> None:
        self._dispatcher = dispatcher
        self._secrets = secrets
        self._stats = stats
        self._rng = rng
        self._own_address = own_address
        self._resolve_path = resolve_path
        self._guard = guard
        self._shims: dict[str, Shim] = {}
        self._assignments: dict[str, ClusterLoadAssignment] = {}
        self.active: dict[str, Cluster] = {}
        self.warming: dict[str, Cluster] = {}
        self.warmed: Callable[[Cluster], None] = lambda _: None
        """Called when a cluster came into force, for who resolves names or waits for all."""
        self.get = self.active.get
        self._all_checked = asyncio.Event()
        stats.provide(self._metrics)

    def _metrics(self) -> Iterator[Metric]:
        for cluster in self.active.values():
            yield from cluster.metrics()

    def shim(self, path: str) -> Shim:
        found = self._shims.get(path)
        if found is None:
            found = self._shims[path] = Shim(self._dispatcher.loop, path)
        return found

    def put(self, config: ClusterConfig) -> Cluster:
        """Compile a cluster; the same configuration as before changes nothing."""
        current = self.warming.get(config.name) or self.active.get(config.name)
        if current is not None and current.config == config:
            return current
        transports = Transports(
            config,
            secrets=self._secrets,
            shim=self.shim,
            own_address=self._own_address,
            resolve=self._resolve_path,
        )
        cluster = Cluster(config, self._dispatcher, transports, stats=self._stats, rng=self._rng, guard=self._guard)
        if config.eds_name is not None and (known := self._assignments.get(config.eds_name)) is not None:
            cluster.update(known)
        cluster.warmed = lambda: self._checked(cluster)
        predecessor = self.active.get(config.name)
        if predecessor is not None:
            cluster.adopt(predecessor)
        if cluster.warm or predecessor is None:
            # Without a predecessor a cold cluster is still better than none: it answers UH, not NC.
            self._activate(cluster)
        else:
            self.warming[config.name] = cluster
        return cluster

    def _checked(self, cluster: Cluster) -> None:
        """Its first round of health checks is over."""
        if self.warming.get(cluster.name) is cluster and cluster.warm:
            self._activate(cluster)
        if not self._unchecked():
            self._all_checked.set()

    def _unchecked(self) -> list[Cluster]:
        return [one for one in self.active.values() if one.checker is not None and not one.checker.done]

    async def first_checks(self) -> None:
        """Until every cluster in force knows which of its hosts are well, at most `FIRST_CHECKS_S`: who is let in
        before that would be told that nobody is."""
        if self._unchecked():
            self._all_checked.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_checked.wait(), FIRST_CHECKS_S)

    def _activate(self, cluster: Cluster) -> None:
        self.warming.pop(cluster.name, None)
        old = self.active.get(cluster.name)
        self.active[cluster.name] = cluster
        if old is not None and old is not cluster:
            old.close()
        self.warmed(cluster)

    def assign(self, name: str, assignment: ClusterLoadAssignment) -> None:
        """Endpoints by the name clusters ask for them."""
        self._assignments[name] = assignment
        for group in (self.active, self.warming):
            for cluster in list(group.values()):
                if cluster.config.eds_name == name:
                    cluster.update(assignment)
        for cluster in list(self.warming.values()):
            if cluster.warm:
                self._activate(cluster)

    def unassign(self, name: str) -> None:
        self._assignments.pop(name, None)
        for cluster in self.active.values():
            if cluster.config.eds_name == name:
                cluster.update(ClusterLoadAssignment(cluster_name=name))

    def resolved(self, cluster: Cluster, assignment: ClusterLoadAssignment) -> None:
        """Addresses of a DNS cluster."""
        cluster.update(assignment)
        if self.warming.get(cluster.name) is cluster and cluster.warm:
            self._activate(cluster)

    def remove(self, name: str) -> None:
        self.warming.pop(name, None)
        old = self.active.pop(name, None)
        if old is not None:
            old.close()
            self._stats.remove(f"cluster.{old.config.alt_stat_name or name}.")

    def eds_names(self) -> set[str]:
        return {
            name
            for group in (self.active, self.warming)
            for cluster in group.values()
            if (name := cluster.config.eds_name) is not None
        }

    def close(self) -> None:
        for cluster in (*self.active.values(), *self.warming.values()):
            cluster.abort()
        for shim in self._shims.values():
            shim.close()
