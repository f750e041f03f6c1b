"""A cluster at work: its hosts, who picks among them, the pools to them, its limits and counters.

An update of the configuration makes a new one beside the old; what did not change (pools, balancer state, counters) is
handed over by `adopt`.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sidecar.balancing.hosts import Host, HostSet
from sidecar.balancing.limits import Limits
from sidecar.balancing.outlier import OutlierDetector, OutlierRules
from sidecar.balancing.pick import Picker, RoundRobin, make_picker
from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.config.core import Metadata
from sidecar.config.endpoint import ClusterLoadAssignment, LbEndpoint
from sidecar.exchange.cluster_stats import ClusterStats
from sidecar.exchange.guard import Guard
from sidecar.exchange.pool import Pool
from sidecar.exchange.targets import MATCH_METADATA, Transports, endpoint, original_destination
from sidecar.net.addresses import Endpoint
from sidecar.net.dial import Plan
from sidecar.net.dispatcher import Dispatcher
from sidecar.telemetry.record import Peer
from sidecar.telemetry.stats import Stats

PASSTHROUGH_HOSTS_MAX = 1024
"""Destinations an ORIGINAL_DST cluster remembers; the least recently used are let go."""
_USABLE = frozenset({"UNKNOWN", "HEALTHY", "DEGRADED"})
_NO_METADATA = Metadata()


class Destination(NamedTuple):
    """What is known of one host beyond its state: how to reach it and how to name it."""

    plan: Plan
    shown: str
    """`ip:port`, what it stands for if it is a pipe."""
    hostname: str = ""
    tls: bool = False
    in_mesh: bool = False
    """Its sidecar is spoken to (endpoint metadata `tlsMode: istio`)."""
    peer: Peer | None = None
    config: LbEndpoint | None = None


class Cluster:
    __slots__ = (
        "_dispatcher",
        "_guard",
        "_rng",
        "_transports",
        "config",
        "hosts",
        "limits",
        "metadata",
        "name",
        "outlier",
        "passthrough",
        "picker",
        "pools",
        "service",
        "stats",
        "warm",
    )

    def __init__(
        self,
        config: ClusterConfig,
        dispatcher: Dispatcher,
        transports: Transports,
        *,
        stats: Stats,
        rng: random.Random,
        guard: Guard,
    ) -> None:
        self.config = config
        self.name = config.name
        self._dispatcher = dispatcher
        self._transports = transports
        self._rng = rng
        self._guard = guard
        self.stats = ClusterStats(stats, config.alt_stat_name or config.name)
        limit = config.thresholds
        self.limits = Limits(
            max_connections=limit.max_connections,
            max_pending_requests=limit.max_pending_requests,
            max_requests=limit.max_requests,
            max_retries=limit.max_retries,
        )
        panic = config.common_lb_config.healthy_panic_threshold.value
        self.hosts = HostSet(panic_threshold_percent=panic)
        self.picker: Picker = (
            RoundRobin() if config.lb_policy == "CLUSTER_PROVIDED" else make_picker(config.lb_policy, rng)
        )
        self.pools: dict[str, Pool] = {}
        self.passthrough: OrderedDict[str, Host] = OrderedDict()
        self.outlier = self._outlier()
        self.metadata: Mapping[str, Any] = (config.metadata or _NO_METADATA).filter_metadata
        services: Any = self.metadata.get("istio", {}).get("services") or ({},)
        self.service: str = services[0].get("host", "")
        self.warm = config.type not in {"EDS", "STRICT_DNS", "LOGICAL_DNS"}
        """Whether its first endpoints have come (or none were found): only then it replaces its predecessor."""
        if config.type == "STATIC" and config.load_assignment is not None:
            self.update(config.load_assignment)

    def _outlier(self) -> OutlierDetector | None:
        rules = self.config.outlier_detection
        if rules is None:
            return None
        return OutlierDetector(
            OutlierRules(
                consecutive_5xx=rules.consecutive_5xx if rules.enforcing_consecutive_5xx else 0,
                consecutive_gateway_failure=(
                    rules.consecutive_gateway_failure if rules.enforcing_consecutive_gateway_failure else 0
                ),
                interval_s=rules.interval,
                base_ejection_s=rules.base_ejection_time,
                max_ejection_s=rules.max_ejection_time,
                max_ejection_percent=rules.max_ejection_percent,
            ),
            self.hosts,
        )

    # Hosts

    def update(self, assignment: ClusterLoadAssignment) -> None:
        """New endpoints; those that stay keep their state and their connections."""
        hosts = []
        for locality in assignment.endpoints:
            for one in locality.lb_endpoints:
                destination = self._destination(one)
                hosts.append(
                    Host(
                        f"{destination.shown}|{destination.plan.target}",
                        destination,
                        weight=one.load_balancing_weight,
                        priority=locality.priority,
                        healthy=one.health_status in _USABLE,
                    )
                )
        unique = {host.key: host for host in hosts}
        self._replace(list(unique.values()))
        self.warm = True

    def _replace(self, hosts: list[Host]) -> None:
        for host in hosts:
            pool = self.pools.get(host.key)
            if pool is not None and pool.plan != host.endpoint.plan:
                self.pools.pop(host.key).close()
        for left in self.hosts.update(hosts):
            if (gone := self.pools.pop(left.key, None)) is not None:
                gone.close()
        self.stats.membership_total.value = len(self.hosts.all)
        self.stats.membership_healthy.value = sum(1 for host in self.hosts.all if host.usable)

    def _destination(self, one: LbEndpoint) -> Destination:
        plan = self._transports.plan(one.endpoint.address, one.metadata)
        stands_for = original_destination(one.metadata) or endpoint(one.endpoint.address)
        return Destination(
            plan,
            str(stands_for),
            hostname=one.endpoint.hostname,
            tls=plan.tls is not None,
            in_mesh=one.metadata is not None and one.metadata.of(MATCH_METADATA).get("tlsMode") == "istio",
            peer=_peer(one.metadata),
            config=one,
        )

    def pick(self, destination: Endpoint | None, excluded: Collection[Host] = ()) -> Host | None:
        """The host for one attempt. `destination` = where the client wanted to go, for ORIGINAL_DST clusters."""
        if self.config.type == "ORIGINAL_DST":
            return None if destination is None else self._passthrough(destination)
        if self.outlier is not None and self.outlier.sweep(self._dispatcher.time()):
            self.stats.membership_healthy.value = sum(1 for host in self.hosts.all if host.usable)
        return self.picker.pick(self.hosts.candidates, self._rng, excluded)

    def _passthrough(self, destination: Endpoint) -> Host | None:
        rules = self.config.original_dst_lb_config
        if rules is not None and rules.upstream_port_override:
            destination = Endpoint(destination.host, rules.upstream_port_override)
        key = str(destination)
        host = self.passthrough.get(key)
        if host is None:
            plan = self._transports.passthrough(destination)
            if self._guard.refuses(plan):
                return None
            if len(self.passthrough) >= PASSTHROUGH_HOSTS_MAX:
                old, _ = self.passthrough.popitem(last=False)
                if (gone := self.pools.pop(old, None)) is not None:
                    gone.close()
            host = self.passthrough[key] = Host(key, Destination(plan, key, tls=plan.tls is not None))
        else:
            self.passthrough.move_to_end(key)
        return host

    def pool(self, host: Host) -> Pool:
        pool = self.pools.get(host.key)
        if pool is None:
            common = self.config.http_options.common_http_protocol_options
            pool = self.pools[host.key] = Pool(
                self._dispatcher,
                host.endpoint.plan,
                limits=self.limits,
                stats=self.stats,
                idle_s=3600.0 if common.idle_timeout is None else common.idle_timeout,
                requests_max=self.config.max_requests_per_connection or common.max_requests_per_connection,
            )
        return pool

    def observe(self, host: Host, status: int) -> None:
        """The outcome of one attempt, for passive health; a failure without a response counts as 503."""
        if self.outlier is not None and self.outlier.observe(host, status, self._dispatcher.time()):
            self.stats.membership_healthy.value = sum(1 for one in self.hosts.all if one.usable)

    # Life

    def adopt(self, old: Cluster) -> None:
        """Take over the hosts' state and, where the way to a host is the same, its connections."""
        if old.config.lb_policy == self.config.lb_policy:
            self.picker = old.picker
        if (
            not self.warm
            and old.warm
            and old.config.type == self.config.type
            and old.config.eds_name == self.config.eds_name
        ):
            self._replace([self._again(host) for host in old.hosts.all if host.endpoint.config is not None])
            self.warm = True
        own = {host.key: host for host in self.hosts.all}
        for host in old.hosts.all:
            if (mine := own.get(host.key)) is not None:
                mine.ejected_until_s = host.ejected_until_s
        self.hosts.refresh()

    def _again(self, host: Host) -> Host:
        destination = self._destination(host.endpoint.config)
        return Host(host.key, destination, weight=host.weight, priority=host.priority, healthy=host.healthy)

    def close(self) -> None:
        for pool in self.pools.values():
            pool.close()
        self.pools.clear()

    def abort(self) -> None:
        for pool in self.pools.values():
            pool.abort()
        self.pools.clear()


def _peer(metadata: Metadata | None) -> Peer | None:
    """Istio's endpoint metadata: `workload;namespace;canonical name;canonical revision;cluster`."""
    if metadata is None:
        return None
    text = metadata.of("istio").get("workload")
    if not isinstance(text, str):
        return None
    parts = [*text.split(";"), "", "", "", "", ""][:5]
    workload, namespace, name, revision, cluster = (part or "unknown" for part in parts)
    return Peer(workload, namespace, name, revision if parts[3] else "latest", cluster, name, revision)
