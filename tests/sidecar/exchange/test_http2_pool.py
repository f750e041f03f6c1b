"""Pools of shared connections: how many, for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.config.cluster import Cluster
from sidecar.config.decode import decode
from sidecar.exchange.http2_pool import http2_options
from tests.sidecar.engines import WAIT_S, backend, call, cluster, hcm, route, running
from tests.sidecar.http2_peer import Peer, Server, http2_cluster, pairs

pytestmark = pytest.mark.integration


def plain(connection: Any, stream: int, *request: Any) -> None:
    connection.send_headers(stream, [(b":status", b"200")], end_stream=True)


def test_options() -> None:
    assert http2_options(decode(Cluster, cluster("b", 1))) is None
    options = http2_options(decode(Cluster, http2_cluster(1, max_concurrent_streams=7)))
    assert options is not None
    assert options.streams_max == 7


async def test_another_connection_when_all_are_full() -> None:
    waiting: list[tuple[Any, int]] = []
    all_here = asyncio.Event()

    def hold(connection: Any, stream: int, *request: Any) -> None:
        waiting.append((connection, stream))
        if len(waiting) == 3:
            all_here.set()

    server = Server(hold)
    config = http2_cluster(0, max_concurrent_streams=2)
    async with backend(server) as port:
        config = http2_cluster(port, max_concurrent_streams=2)
        async with running(hcm(route("/", cluster="b")), config) as proxy, Peer(proxy.port()) as peer:
            for _ in range(3):
                peer.send(pairs())
            await asyncio.wait_for(all_here.wait(), WAIT_S)
            assert proxy.value("cluster.b.upstream_cx_active") == 2


async def test_connections_are_worn_out_after_their_requests() -> None:
    server = Server(plain)
    async with backend(server) as port:
        config = http2_cluster(port)
        options = next(iter(config["typed_extension_protocol_options"].values()))
        options["common_http_protocol_options"] = {"max_requests_per_connection": 2}
        async with running(hcm(route("/", cluster="b")), config) as proxy:
            for _ in range(5):
                assert (await call(proxy.port()))[0] == 200
    assert len(server.connections) == 3


async def test_idle_connections_are_closed() -> None:
    async with backend(Server(plain)) as port:
        config = http2_cluster(port)
        options = next(iter(config["typed_extension_protocol_options"].values()))
        options["common_http_protocol_options"] = {"idle_timeout": "0.05s"}
        async with running(hcm(route("/", cluster="b")), config) as proxy:
            assert (await call(proxy.port()))[0] == 200
            while proxy.value("cluster.b.upstream_cx_active"):
                await asyncio.sleep(0.01)
            assert proxy.value("cluster.b.upstream_cx_idle_timeout") == 1


async def test_nobody_listens() -> None:
    async with running(hcm(route("/", cluster="b")), http2_cluster(1)) as proxy:
        assert (await call(proxy.port()))[0] == 503
        assert (await proxy.records.last()).flags == "UF"
