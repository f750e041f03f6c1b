"""Clusters: updates keep what stays, metadata chooses transports, passthrough is bounded and guarded."""

from __future__ import annotations

import asyncio
import contextlib
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
from tests.sidecar.engines import Echo, answer, backend, call, hcm, route, running
from tests.sidecar.engines import cluster as cluster_config


def made(resource: dict[str, Any], *, guarded: bool = False, own_address: str = "10.244.0.9") -> tuple[Cluster, Stats]:
    config = parse(CLUSTER, {"name": "c", **resource})
    assert isinstance(config, ClusterConfig), config
    loop, stats = asyncio.get_running_loop(), Stats()
    transports = Transports(
        config,
        secrets=SecretStore(),
        shim=lambda path: Shim(loop, path),
        own_address=own_address,
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


async def test_a_header_says_where_to() -> None:
    rules = {"use_http_header": True, "upstream_port_override": 0}
    made_cluster = {"name": "c", **PASSTHROUGH, "original_dst_lb_config": rules}
    async with (
        backend(Echo(answer(b"there"))) as there,
        running(hcm(route("/", cluster="c")), made_cluster) as proxy,
    ):
        header = f"x-envoy-original-dst-host: 127.0.0.1:{there}\r\n"
        assert (await call(proxy.port(), headers=header))[2] == b"there"
        assert (await call(proxy.port()))[0] == 503
        assert (await call(proxy.port(), headers="x-envoy-original-dst-host: nowhere\r\n"))[0] == 503
        assert proxy.value("cluster.c.original_dst_host_invalid") == 1


async def test_the_requests_hash_and_a_made_cookie() -> None:
    async with contextlib.AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(backend(Echo(answer(b"%d" % number)))) for number in range(4)]
        policy = [{"cookie": {"name": "c", "ttl": "60s"}}]
        made_cluster = cluster_config("c", *ports, lb_policy="MAGLEV", maglev_lb_config={"table_size": 1009})
        proxy = await stack.enter_async_context(running(hcm(route("/", cluster="c", hash_policy=policy)), made_cluster))
        _, head, first = await call(proxy.port())
        cookie = head.split(b'set-cookie: c="')[1][:16].decode()
        for _ in range(5):
            _, head, body = await call(proxy.port(), headers=f"cookie: c={cookie}\r\n")
            assert (body, b"set-cookie" in head) == (first, False)


async def test_subsets_of_routes() -> None:
    async with backend(Echo(answer(b"old"))) as old, backend(Echo(answer(b"new"))) as new:
        made_cluster = cluster_config(
            "c", old, new, lb_subset_config={"subset_selectors": [{"keys": ["v"]}], "fallback_policy": "ANY_ENDPOINT"}
        )
        for one, version in zip(made_cluster["load_assignment"]["endpoints"][0]["lb_endpoints"], "12", strict=True):
            one["metadata"] = {"filter_metadata": {"envoy.lb": {"v": version}}}
        routes = [
            route(f"/{v}", cluster="c", metadata_match={"filter_metadata": {"envoy.lb": {"v": v}}}) for v in "123"
        ]
        async with running(hcm(*routes), made_cluster) as proxy:
            assert {(await call(proxy.port(), "/1"))[2] for _ in range(5)} == {b"old"}
            assert {(await call(proxy.port(), "/2"))[2] for _ in range(5)} == {b"new"}
            assert {(await call(proxy.port(), "/3"))[2] for _ in range(5)} == {b"old", b"new"}
            assert proxy.value("cluster.c.lb_subsets_selected") == 10
            assert proxy.value("cluster.c.lb_subsets_active") == 2


async def test_a_route_of_high_priority_has_limits_and_connections_of_its_own() -> None:
    limits = {"thresholds": [{"max_requests": 0}, {"priority": "HIGH", "max_requests": 1}]}
    routes = [route("/high", cluster="c", priority="HIGH"), route("/", cluster="c")]
    async with (
        backend(Echo()) as port,
        running(hcm(*routes), cluster_config("c", port, circuit_breakers=limits)) as proxy,
    ):
        assert (await call(proxy.port(), "/high"))[0] == 200
        status, head, _ = await call(proxy.port())
        assert (status, b"x-envoy-overloaded: true" in head) == (503, True)
        inner = proxy.engine._clusters.active["c"]
        assert (len(inner.pools), len(inner.high_pools)) == (0, 1)
        (status_now,) = proxy.engine.clusters()
        assert status_now.hosts[0].counters["cx_total"] == 1


async def test_every_connection_ends_with_the_host_set() -> None:
    cluster_made, _ = made({**EDS, "common_lb_config": {"close_connections_on_host_set_change": True}})
    cluster_made.update(assignment("10.0.0.1"))
    pool = cluster_made.pool(cluster_made.hosts.all[0])
    cluster_made.update(assignment("10.0.0.1"))
    assert not pool.closed
    cluster_made.update(assignment("10.0.0.1", "10.0.0.2"))
    assert pool.closed


async def test_a_caller_has_pools_of_its_own() -> None:
    proxied = "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
    raw = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
    socket = {"name": "p", "typed_config": {"@type": proxied, "transport_socket": {"typed_config": {"@type": raw}}}}
    introduced, _ = made({**EDS, "transport_socket": socket}, own_address="")
    introduced.update(assignment("10.0.0.1"))
    (host,) = introduced.hosts.all
    local = Endpoint("10.0.0.9", 80)
    first = introduced.client_pool(host, (Endpoint("10.0.0.3", 1), local), "", high=False)
    assert first.plan.prologue == b"PROXY TCP4 10.0.0.3 10.0.0.9 1 80\r\n"
    assert introduced.client_pool(host, (Endpoint("10.0.0.3", 1), local), "", high=False) is first
    for number in range(2000):
        introduced.client_pool(host, (Endpoint("10.0.0.4", number), local), "", high=False)
    assert first.closed
    assert len(introduced.client_pools) <= 1024
    introduced.update(assignment("10.0.0.2"))
    assert not introduced.client_pools
