"""Clusters: updates keep what stays, metadata chooses transports, passthrough is bounded and guarded."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.config.endpoint import ClusterLoadAssignment
from sidecar.config.parse import CLUSTER, ENDPOINTS, parse
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.guard import Guard
from sidecar.exchange.targets import Transports
from sidecar.net.addresses import Endpoint
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.sandbox import Shim
from sidecar.net.secrets import SecretStore
from sidecar.telemetry.stats import Stats


def made(resource: dict[str, Any], *, guarded: bool = False) -> tuple[Cluster, Stats]:
    config = parse(CLUSTER, {"name": "c", **resource})
    assert isinstance(config, ClusterConfig), config
    loop, stats = asyncio.get_running_loop(), Stats()
    transports = Transports(
        config,
        secrets=SecretStore(),
        shim=lambda path: Shim(loop, path),
        own_address="10.244.0.9",
        resolve=lambda path: path,
    )
    guard = Guard(on=guarded, is_own=lambda host: False)
    return Cluster(config, Dispatcher(loop), transports, stats=stats, rng=random.Random(1), guard=guard), stats


def assignment(*addresses: str, **fields: Any) -> ClusterLoadAssignment:
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": one, "port_value": 80}}}, **fields} for one in addresses
    ]
    config = parse(ENDPOINTS, {"cluster_name": "c", "endpoints": [{"lb_endpoints": endpoints}]})
    assert isinstance(config, ClusterLoadAssignment)
    return config


EDS = {"type": "EDS", "eds_cluster_config": {"eds_config": {"ads": {}}}}


async def test_updates_keep_hosts_and_pools_that_stay() -> None:
    cluster, stats = made({**EDS, "common_lb_config": {"healthy_panic_threshold": {"value": 0}}})
    assert not cluster.warm
    cluster.update(assignment("10.0.0.1", "10.0.0.2"))
    assert cluster.warm
    first = cluster.hosts.all[0]
    first.active = 7
    pool = cluster.pool(first)
    left = cluster.pool(cluster.hosts.all[1])
    cluster.update(assignment("10.0.0.1", "10.0.0.3"))
    assert cluster.hosts.all[0] is first
    assert cluster.pool(first) is pool
    assert left.closed
    assert stats.gauge("cluster.c.membership_total").value == 2
    cluster.update(assignment("10.0.0.1", health_status="UNHEALTHY"))
    assert cluster.pick(None) is None
    cluster.close()


async def test_a_successor_adopts_hosts() -> None:
    detected = {**EDS, "outlier_detection": {}}
    old, _ = made(detected)
    old.update(assignment("10.0.0.1"))
    old.hosts.all[0].ejected_until_s = 5.0
    new, _ = made({**detected, "connect_timeout": "9s"})
    new.adopt(old)
    assert new.warm
    assert [host.ejected_until_s for host in new.hosts.all] == [5.0]
    assert new.hosts.all[0].endpoint.plan.connect_timeout_s == 9
    assert new.outlier is not None
    assert new.outlier.ejected == 1
    without, _ = made(EDS)
    without.adopt(old)
    assert [host.ejected_until_s for host in without.hosts.all] == [0.0]


async def test_names_from_metadata() -> None:
    services = {"metadata": {"filter_metadata": {"istio": {"services": [{"host": "a.b.svc"}]}}}}
    cluster, _ = made({**EDS, **services})
    cluster.update(assignment("10.0.0.1", metadata={"filter_metadata": {"istio": {"workload": "w;ns;name;v1;k8s"}}}))
    assert cluster.service == "a.b.svc"
    peer = cluster.hosts.all[0].endpoint.peer
    assert (peer.workload, peer.namespace, peer.canonical_name, peer.canonical_revision) == ("w", "ns", "name", "v1")


PASSTHROUGH = {"type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED"}


async def test_passthrough() -> None:
    cluster, _ = made(PASSTHROUGH, guarded=True)
    assert cluster.pick(None) is None
    assert cluster.pick(Endpoint("127.0.0.1", 80)) is None
    assert cluster.pick(Endpoint("10.244.0.1", 80)) is None
    host = cluster.pick(Endpoint("93.184.216.34", 80))
    assert host is not None
    assert host is cluster.pick(Endpoint("93.184.216.34", 80))
    assert host.endpoint.plan.target == Endpoint("93.184.216.34", 80)
    for number in range(2000):
        cluster.pick(Endpoint(f"93.1.{number // 256}.{number % 256}", 80))
    assert len(cluster.passthrough) == 1024


async def test_outlier_ejects() -> None:
    cluster, stats = made({**EDS, "outlier_detection": {"consecutive_5xx": 2, "always_eject_one_host": True}})
    cluster.update(assignment("10.0.0.1", "10.0.0.2"))
    for _ in range(2):
        cluster.responded(cluster.hosts.all[0], 503)
    assert stats.gauge("cluster.c.membership_healthy").value == 1
    assert {one.name: one.value for one in cluster.metrics()}["cluster.c.outlier_detection.ejections_active"] == 1
    assert stats.counter("cluster.c.outlier_detection.ejections_total").value == 1
    assert {cluster.pick(None) for _ in range(10)} == {cluster.hosts.all[1]}
