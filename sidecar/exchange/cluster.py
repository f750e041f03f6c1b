"""A cluster at work: its hosts, who picks among them, the pools to them, its limits and counters.

An update of the configuration makes a new one beside the old; what did not change (pools, balancer state, counters) is
handed over by `adopt`.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from sidecar.balancing.balancer import Balancer, Weights
from sidecar.balancing.hosts import Host, HostSet
from sidecar.balancing.outlier import OutlierDetector
from sidecar.balancing.subsets import Criteria, Subsets
from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.config.core import Metadata
from sidecar.config.endpoint import ClusterLoadAssignment
from sidecar.exchange.client_pools import ClientPools
from sidecar.exchange.cluster_stats import DISCOVERY, HEALTH_CHECK, OUTLIER, ClusterStats, host_levels, limit_levels
from sidecar.exchange.endpoints import Destination, Endpoints, weights_of
from sidecar.exchange.guard import Guard
from sidecar.exchange.health_checks import HealthChecker
from sidecar.exchange.http2_pool import Http2Pool, http2_speech
from sidecar.exchange.policies import lb_rules, limits_of, outlier_rules, subset_rules
from sidecar.exchange.pool import Pool
from sidecar.exchange.targets import Transports, header_for, named
from sidecar.net.addresses import Endpoint
from sidecar.net.dial import Plan
from sidecar.net.dispatcher import Dispatcher
from sidecar.protocol.message import ResponseHead
from sidecar.telemetry.stats import Metric, Stats

PASSTHROUGH_HOSTS_MAX = 1024
"""Destinations an ORIGINAL_DST cluster remembers; the least recently used are let go."""
IMMEDIATE_FAIL = b"x-envoy-immediate-health-check-fail"
CONNECTED_STATUS = 200
"""What an opaque connection counts as for outlier detection."""
_NO_METADATA = Metadata()


class Cluster:
    __slots__ = (
        "_dispatcher", "_endpoints", "_guard", "_http2", "_needs_time", "_rng", "_sweep_timer", "_transports",
        "_weights", "balancer", "checker", "client_pools", "closed", "config", "consistent",
        "destination_header", "high_limits", "high_pools", "hosts", "http2", "limits", "metadata", "name",
        "outlier", "passthrough", "plain", "pools", "service", "sni_header", "stats", "subsets", "warm",
        "warmed", "watched",
    )  # fmt: skip

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
        self._endpoints = Endpoints(transports, by_hostname=config.common_lb_config.by_hostname)
        self._rng = rng
        self._guard = guard
        self.stats = ClusterStats(stats, config.alt_stat_name or config.name)
        self.limits = limits_of(config, "DEFAULT")
        self.high_limits = limits_of(config, "HIGH")
        self.hosts = HostSet()
        self._weights = Weights()
        rules = lb_rules(config)
        self._needs_time = rules.slow_start is not None
        self.consistent = rules.consistent
        """A pick wants the request's hash."""
        original = config.original_dst_lb_config
        self.destination_header = original.header if original is not None else b""
        self.balancer = Balancer(rules, rng, self._panicked)
        self.subsets = self._make_subsets()
        self.plain = not (
            self._needs_time or self.consistent or self.subsets is not None or config.type == "ORIGINAL_DST"
        )
        """A pick depends on nothing of the request, and on no clock."""
        self.pools: dict[str, Pool] = {}
        self.high_pools: dict[str, Pool] = {}
        """Of requests whose route has priority HIGH: they never wait behind the others."""
        self.client_pools = ClientPools()
        self._http2 = http2_speech(config, stats)
        self.http2 = self._http2 is not None
        """Spoken to its endpoints."""
        options = config.http_options.upstream_http_protocol_options
        self.sni_header = options.sni_header if options is not None else b""
        """Where the server name of upstream TLS comes from; b"" = the configuration."""
        self.passthrough: OrderedDict[str, Host] = OrderedDict()
        self.closed = False
        self._sweep_timer = dispatcher.timer(self._sweep)
        self.outlier = self._make_outlier()
        self.checker = self._make_checker(rng)
        self.watched = self.outlier is not None or self.checker is not None
        """Somebody wants to know how attempts end."""
        self.warmed: Callable[[], None] = lambda: None
        """Called when the first round of health checks made it warm."""
        self.metadata: Mapping[str, Any] = (config.metadata or _NO_METADATA).filter_metadata
        services: Any = self.metadata.get("istio", {}).get("services") or ({},)
        self.service: str = services[0].get("host", "")
        self.warm = config.type not in {"EDS", "STRICT_DNS", "LOGICAL_DNS"} and self.checker is None
        """Whether its first endpoints have come (or none were found): only then it replaces its predecessor."""
        if config.type == "STATIC" and config.load_assignment is not None:
            self.update(config.load_assignment)

    def _make_outlier(self) -> OutlierDetector | None:
        config = self.config.outlier_detection
        if config is None:
            return None
        rules = outlier_rules(config)
        self._sweep_timer.start(rules.interval_s)
        return OutlierDetector(rules, self.hosts, self._rng, self.stats.outlier)

    def _make_checker(self, rng: random.Random) -> HealthChecker | None:
        config = self.config
        if not config.health_checks:
            return None
        checker = HealthChecker(
            config.health_checks[0],
            self._dispatcher,
            name=config.name,
            stats=self.stats,
            rng=rng,
            changed=self.health_changed,
            passed=self._passed,
            ignore_new=config.common_lb_config.ignore_new_hosts_until_first_hc,
        )
        checker.checked = self._checked
        if config.close_connections_on_host_health_failure:
            checker.failed = self._forget_connections
        return checker

    def _make_subsets(self) -> Subsets | None:
        config = self.config.lb_subset_config
        rules = subset_rules(config) if config is not None else None
        if rules is None:
            return None
        return Subsets(rules, self.balancer.rules, self._rng, count=self.stats.count, on_panic=self._panicked)

    def _panicked(self) -> None:
        self.stats.count("lb_healthy_panic")

    # Hosts

    def update(self, assignment: ClusterLoadAssignment) -> None:
        """New endpoints; those that stay keep their state and their connections."""
        self._weights = weights_of(assignment)
        self._replace(self._endpoints.hosts(assignment))
        self.warm = self.warm or self.checker is None or self.checker.done

    def _replace(self, hosts: list[Host]) -> None:
        reached = {host.key: host for host in self.hosts.all}
        for host in hosts:
            known = reached.get(host.key)
            if known is not None and known.endpoint.plan != host.endpoint.plan:
                self._forget_connections(known)
        came, left = self.hosts.update(hosts)
        all_change = bool(came or left) and self.config.common_lb_config.close_connections_on_host_set_change
        for host in self.hosts.all if all_change else ():
            self._forget_connections(host)
        for host in left:
            self._forget_connections(host)
        if self.checker is not None:
            self.checker.update(came, left)
        now = self._dispatcher.time()
        if self._needs_time:
            for host in came:
                host.healthy_since_s = now if host.usable else None
        if self.outlier is not None:
            self.outlier.left(left)
        self.stats.count("membership_change", len({host.priority for host in (*came, *left)}))
        self.balancer.update(self.hosts.all, self._weights, now)
        if self.subsets is not None:
            self.subsets.update(self.hosts.all, self._weights, now)
        self._count_hosts()

    def _forget_connections(self, host: Host) -> None:
        """What is under way on them may end."""
        for pools in (self.pools, self.high_pools):
            if (gone := pools.pop(host.key, None)) is not None:
                gone.close()
        self.client_pools.forget(host.key)

    def health_changed(self) -> None:
        """Of any host: who may be picked is worked out anew."""
        now = self._dispatcher.time()
        self.balancer.refresh(now)
        if self.subsets is not None:
            self.subsets.refresh(now)
        self._count_hosts()

    def _count_hosts(self) -> None:
        self.stats.count_hosts(self.hosts.all)

    def metrics(self) -> Iterator[Metric]:
        """What is worked out when somebody looks."""
        levels = host_levels(self.hosts.all, weights=self.config.type in {"EDS", "STRICT_DNS"})
        levels |= limit_levels("default", self.limits) | limit_levels("high", self.high_limits)
        levels["upstream_rq_pending_active"] = sum(pool.pending for pool in self._all_pools())
        levels["lb_subsets_active"] = self.subsets.active if self.subsets is not None else 0
        counters: tuple[str, ...] = DISCOVERY
        if self.outlier is not None:
            levels["outlier_detection.ejections_active"] = self.outlier.ejected
            counters += OUTLIER
        if self.checker is not None:
            levels |= self.checker.levels()
            counters += HEALTH_CHECK
        return self.stats.shown(levels, *counters)

    def pick(
        self,
        destination: Endpoint | None,
        tried: Collection[Host] = (),
        *,
        attempts: int = 1,
        key: int | None = None,
        wanted: Criteria = (),
    ) -> Host | None:
        """The host for one attempt. `destination` = where the client wanted to go, for ORIGINAL_DST clusters; `tried`
        = hosts that `attempts` picks try to avoid; `key` = the request's hash; `wanted` = metadata of the subset."""
        if self.config.type == "ORIGINAL_DST":
            return None if destination is None else self._passthrough(destination)
        now = self._dispatcher.time() if self._needs_time else 0.0
        if self.subsets is not None:
            return self.subsets.pick(wanted, now, key, tried, attempts)
        return self.balancer.pick(now, key, tried, attempts)

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

    def pool(self, host: Host, *, high: bool = False) -> Pool:
        """`high`: for a route of priority HIGH."""
        pools = self.high_pools if high else self.pools
        pool = pools.get(host.key)
        if pool is None:
            pool = pools[host.key] = self._new_pool(host.endpoint.plan, high=high)
        return pool

    def client_pool(self, host: Host, ends: tuple[Endpoint, Endpoint] | None, name: str, *, high: bool) -> Pool:
        """`ends`: of the client's connection, where the host is told of it; `name`: for SNI, "" = as configured."""

        def make() -> Pool:
            plan: Plan = host.endpoint.plan
            if ends is not None:
                plan = plan._replace(prologue=header_for(plan.proxy, *ends))
            if name and plan.tls is not None:
                options = self.config.http_options.upstream_http_protocol_options
                checked = options is not None and options.auto_san_validation
                plan = plan._replace(tls=named(plan.tls, name, checked=checked))
            return self._new_pool(plan, high=high)

        return self.client_pools.get(host.key, f"{ends}|{name}|{high}", make)

    def _new_pool(self, plan: Plan, *, high: bool) -> Pool:
        common = self.config.http_options.common_http_protocol_options
        kind = Http2Pool if self.http2 else Pool
        pool = kind(
            self._dispatcher,
            plan,
            limits=self.high_limits if high else self.limits,
            stats=self.stats,
            idle_s=3600.0 if common.idle_timeout is None else common.idle_timeout,
            requests_max=self.config.max_requests_per_connection or common.max_requests_per_connection,
            duration_s=common.max_connection_duration or 0.0,
            keep_case=self.config.http_options.keeps_case,
            buffer_bytes=self.config.per_connection_buffer_limit_bytes,
        )
        if isinstance(pool, Http2Pool) and self._http2 is not None:
            pool.speak(*self._http2)
        return pool

    # Passive health

    def answered(self, host: Host, head: ResponseHead) -> None:
        """A response of ordinary traffic; asked for when `watched`."""
        self.responded(host, head.status)
        if self.checker is not None and IMMEDIATE_FAIL in head.headers:
            self.checker.fail_now(host)

    def responded(self, host: Host, status: int) -> None:
        if self.outlier is not None and self.outlier.responded(host, status, self._dispatcher.time()):
            self.health_changed()

    def failed(self, host: Host, *, timeout: bool = False) -> None:
        """An attempt without a response."""
        if self.outlier is not None and self.outlier.failed(host, self._dispatcher.time(), timeout=timeout):
            self.health_changed()

    def connected(self, host: Host) -> None:
        """An opaque connection is there, which is all the success it will show."""
        if self.outlier is not None:
            self.outlier.connected(host)
            if not self.outlier.rules.split:
                self.responded(host, CONNECTED_STATUS)

    def _passed(self, host: Host) -> None:
        """An active check speaks for the host: passive ejection ends (Envoy's default)."""
        rules = self.config.outlier_detection
        if self.outlier is None or rules is None or not host.ejected_until_s or host.failed_active:
            return
        if rules.successful_active_health_check_uneject_host:
            self.outlier.uneject(host)
            self.health_changed()

    def _checked(self) -> None:
        if not self.warm and self.hosts.all:
            self.warm = True
        self.warmed()

    def _sweep(self) -> None:
        outlier = self.outlier
        assert outlier is not None
        if outlier.sweep(self._dispatcher.time()):
            self.health_changed()
        self._sweep_timer.start(outlier.rules.interval_s)

    # Life

    def adopt(self, old: Cluster) -> None:
        """Take over the hosts' state, and the hosts themselves where they come from the same place."""
        if (
            not self.warm
            and old.warm
            and old.config.type == self.config.type
            and old.config.eds_name == self.config.eds_name
        ):
            self._weights = old._weights
            self._replace([self._endpoints.again(host) for host in old.hosts.all if host.endpoint.config is not None])
            self.warm = self.checker is None
        own = {host.key: host for host in self.hosts.all}
        for host in old.hosts.all:
            if (mine := own.get(host.key)) is not None:
                mine.take_state(host)
                if self.outlier is None:
                    mine.ejected_until_s = 0.0
                elif mine.ejected_until_s:
                    self.outlier.ejected += 1
        if self.checker is not None and old.checker is not None:
            if self.config.health_checks == old.config.health_checks:
                self.checker.adopt(old.checker, own)
            self.warm = self.warm or (bool(self.hosts.all) and self.checker.done)
        self.health_changed()

    def _end_watching(self) -> None:
        self._sweep_timer.stop()
        if self.checker is not None:
            self.checker.close()

    def pools_of(self, host: Host) -> list[Pool]:
        """Of both priorities, and of every client that has its own."""
        shared = [pools[host.key] for pools in (self.pools, self.high_pools) if host.key in pools]
        return [*shared, *self.client_pools.of(host.key)]

    def _all_pools(self) -> list[Pool]:
        return [*self.pools.values(), *self.high_pools.values(), *self.client_pools]

    def close(self) -> None:
        self.closed = True
        self._end_watching()
        for pool in self._all_pools():
            pool.close()
        for pools in (self.pools, self.high_pools, self.client_pools):
            pools.clear()

    def abort(self) -> None:
        self.closed = True
        self._end_watching()
        for pool in self._all_pools():
            pool.abort()
        for pools in (self.pools, self.high_pools, self.client_pools):
            pools.clear()
