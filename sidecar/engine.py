"""The data plane as one object: Envoy resources in, traffic through, and what may be asked about it.

Whoever steers it (a file, a stream) calls `apply` and `remove`; a resource is compiled beside the running one and takes
its place by one assignment, or it is refused with a path and a reason and nothing changes. Make it inside a running
event loop: it belongs to that loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from sidecar.balancing.hosts import NOWHERE, Health, Host, Place
from sidecar.balancing.limits import Limits
from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.config.endpoint import ClusterLoadAssignment
from sidecar.config.listener import Listener as ListenerConfig
from sidecar.config.parse import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, parse
from sidecar.config.refusal import Refusal
from sidecar.config.route import RouteConfiguration
from sidecar.config.tls import Secret as SecretConfig
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.clusters import Clusters
from sidecar.exchange.dns_clusters import DnsClusters
from sidecar.exchange.guard import Guard
from sidecar.exchange.listeners import Listeners
from sidecar.exchange.manager import Surroundings
from sidecar.exchange.routes import Routes
from sidecar.exchange.secret_resources import secret_material, secret_names
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.resolver import Resolver
from sidecar.net.secrets import SecretStore
from sidecar.net.tls import PathResolver
from sidecar.telemetry.record import Peer, RecordSink
from sidecar.telemetry.stats import Stats

OWN_SECRETS = frozenset({"default", "ROOTCA"})
"""Provided by the proxy's identity, never asked of the control plane."""
DRAIN_POLL_S = 0.05


class NodeLike(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def ip(self) -> str: ...
    @property
    def peer(self) -> Peer: ...


@dataclass(frozen=True, slots=True)
class HostStatus:
    address: str
    weight: int
    priority: int
    health_flags: str
    """`healthy`, or Envoy's flags joined by `/`."""
    hostname: str = ""
    counters: dict[str, int] = field(default_factory=dict)
    place: Place = NOWHERE
    success_rate: float = -1.0


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    name: str
    hosts: tuple[HostStatus, ...]
    limits: dict[str, int]
    added_via_api: bool = True
    high_limits: dict[str, int] = field(default_factory=dict)


FLAGS: tuple[tuple[str, Callable[[Host], bool]], ...] = (
    ("/failed_active_hc", lambda host: host.failed_active),
    ("/failed_outlier_check", lambda host: bool(host.ejected_until_s)),
    ("/failed_eds_health", lambda host: host.given is Health.UNHEALTHY),
    ("/degraded_active_hc", lambda host: host.said_degraded),
    ("/degraded_eds_health", lambda host: host.given is Health.DEGRADED),
)
"""In Envoy's order."""


def health_flags(host: Host) -> list[str]:
    return [flag for flag, holds in FLAGS if holds(host)]


def _maxima(limits: Limits) -> dict[str, int]:
    return {
        "max_connections": limits.connections.maximum,
        "max_pending_requests": limits.pending.maximum,
        "max_requests": limits.requests.maximum,
        "max_retries": limits.retries.maximum,
    }


class ListenerStatus(NamedTuple):
    name: str
    address: str


class Engine:
    def __init__(
        self,
        *,
        node: NodeLike,
        stats: Stats,
        records: RecordSink,
        secrets: SecretStore,
        rng: random.Random,
        sandbox: str | None = None,
        resolve_path: PathResolver = lambda path: path,
    ) -> None:
        """`sandbox`: the pod's sandbox directory, None = we share the workload's network namespace (or have none).
        In a sandboxed mesh passthrough traffic is guarded. `resolve_path` maps paths of the configuration.
        """
        loop = asyncio.get_running_loop()
        self._dispatcher = Dispatcher(loop)
        self._secrets = secrets
        self._clusters = Clusters(
            self._dispatcher,
            secrets=secrets,
            stats=stats,
            rng=rng,
            own_address=node.ip,
            resolve_path=resolve_path,
            guard=Guard(on=sandbox is not None),
        )
        self._resolver = Resolver(loop)
        self._dns = DnsClusters(self._clusters, self._resolver, rng)
        self._routes = Routes(rng)
        around = Surroundings(self._dispatcher, self._clusters, stats, records, rng, node.peer, node.id)
        self._listeners = Listeners(around, routes=self._routes, secrets=secrets, resolve=resolve_path, rng=rng)
        self._resolve_path = resolve_path
        self._resources: dict[str, dict[str, bytes]] = {}
        """As JSON, for questions: decoded they would be a tenth of a small proxy's memory. Secrets are not kept."""
        self._static: set[str] = set()
        self._subscribed: dict[str, set[str]] = {}
        self.on_subscriptions_changed: Callable[[], None] = lambda: None

    # Configuration

    def apply(self, type_url: str, name: str, resource: dict[str, Any], *, static: bool = False) -> Refusal | None:
        """Put one resource in force. None = accepted; else nothing changed. `static`: it came with the bootstrap."""
        config = parse(type_url, resource)
        if isinstance(config, Refusal):
            return config
        refusal = self._apply(name, config)
        if refusal is None:
            if type_url != SECRET:
                self._resources.setdefault(type_url, {})[name] = msgspec.json.encode(resource)
            if static:
                self._static.add(name)
            self._note_subscriptions()
        return refusal

    def _apply(self, name: str, config: Any) -> Refusal | None:
        match config:
            case ListenerConfig():
                return self._listeners.put(config)
            case ClusterConfig():
                known = self._clusters.warming.get(config.name) or self._clusters.active.get(config.name)
                cluster = self._clusters.put(config)
                if cluster is not known:
                    self._dns.follow(cluster)
            case ClusterLoadAssignment():
                self._clusters.assign(name or config.cluster_name, config)
            case RouteConfiguration():
                refusal = self._routes.put(config)
                if refusal is None:
                    self._listeners.routes_arrived()
                return refusal
            case SecretConfig():
                material = secret_material(config, self._resolve_path)
                if isinstance(material, Refusal):
                    return material
                self._secrets.set(name or config.name, material)
        return None

    def remove(self, type_url: str, name: str) -> None:
        """Take one resource out of force; what uses it drains."""
        self._resources.get(type_url, {}).pop(name, None)
        if type_url == LISTENER:
            self._listeners.remove(name)
        elif type_url == CLUSTER:
            self._dns.forget(name)
            self._clusters.remove(name)
        elif type_url == ENDPOINTS:
            self._clusters.unassign(name)
        elif type_url == ROUTES:
            self._routes.remove(name)
        elif type_url == SECRET:
            self._secrets.remove(name)
        self._note_subscriptions()

    def subscriptions(self) -> dict[str, set[str]]:
        """Names of the resources that those in force refer to and that must come from elsewhere."""
        secrets = self._listeners.secret_names()
        for cluster in (*self._clusters.active.values(), *self._clusters.warming.values()):
            secrets |= secret_names(cluster.config)
        return {
            ENDPOINTS: self._clusters.eds_names(),
            ROUTES: self._listeners.rds_names(),
            SECRET: secrets - OWN_SECRETS,
        }

    def _note_subscriptions(self) -> None:
        wanted = self.subscriptions()
        if wanted != self._subscribed:
            self._subscribed = wanted
            self.on_subscriptions_changed()

    # Life

    def limit_connections(self, maximum: int) -> None:
        """Of all listeners together; those over it are closed as soon as they are accepted."""
        self._listeners.total.maximum = maximum

    async def start(self) -> None:
        """Begin to accept; listeners applied later accept at once."""
        await self._clusters.first_checks()
        self._listeners.accept()

    async def drain(self, deadline_s: float) -> None:
        """Finish what is under way: idle connections close, others after their response; at most `deadline_s`.

        New connections are served until the end, each for one request: who still has our address must not be refused.
        """
        self._listeners.drain()
        end = self._dispatcher.time() + deadline_s
        while self._listeners.connections and self._dispatcher.time() < end:  # noqa: ASYNC110 - a handful of looks
            await asyncio.sleep(DRAIN_POLL_S)

    async def close(self) -> None:
        self._listeners.stop_accepting()
        self._listeners.abort()
        self._dns.close()
        self._resolver.close()
        self._clusters.close()
        self._dispatcher.close()

    # Questions

    def config_dump(self) -> dict[str, Any]:
        """The resources in force as they came, by type URL; secrets are not among them."""
        return {
            type_url: [msgspec.json.decode(encoded) for encoded in resources.values()]
            for type_url, resources in self._resources.items()
        }

    def listeners(self) -> list[ListenerStatus]:
        return [ListenerStatus(*one) for one in self._listeners.shown()]

    def clusters(self) -> list[ClusterStatus]:
        return [self._status(cluster) for _, cluster in sorted(self._clusters.active.items())]

    def _status(self, cluster: Cluster) -> ClusterStatus:
        hosts = []
        for host in (*cluster.hosts.all, *cluster.passthrough.values()):
            flags = health_flags(host)
            counters = {"rq_active": host.active}
            for pool in cluster.pools_of(host):
                for name, value in pool.counters().items():
                    counters[name] = counters.get(name, 0) + value
            hosts.append(
                HostStatus(
                    host.endpoint.shown,
                    host.weight,
                    host.priority,
                    "".join(flags) or "healthy",
                    host.endpoint.hostname,
                    counters,
                    host.place,
                    host.success_rate,
                )
            )
        return ClusterStatus(
            cluster.name,
            tuple(hosts),
            _maxima(cluster.limits),
            cluster.name not in self._static,
            _maxima(cluster.high_limits),
        )

    def __repr__(self) -> str:
        return f"<Engine listeners={len(self._listeners.shown())} clusters={len(self._clusters.active)}>"
