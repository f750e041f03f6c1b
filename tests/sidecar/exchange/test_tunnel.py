"""Opaque TCP through a real engine: both halves, weights, failures, idleness."""

from __future__ import annotations

import asyncio

import pytest

from tests.sidecar.engines import TCP, backend, cluster, exchange, running, tcp

pytestmark = pytest.mark.integration


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()
    writer.write(b"-end")


async def test_bytes_and_half_close() -> None:
    body = b"ab" * 500_000
    async with backend(shout) as port, running(tcp("b"), cluster("b", port)) as proxy:
        assert await exchange(proxy.port(), body, eof=True) == body.upper() + b"-end"
        record = await proxy.records.last()
        assert proxy.value("tcp.t.downstream_cx_active") == 0
        assert proxy.value("cluster.b.upstream_cx_active") == 0
    assert (record.is_http, record.bytes_received, record.bytes_sent) == (False, len(body), len(body) + 4)
    assert (record.cluster, record.upstream_host, record.flags) == ("b", f"127.0.0.1:{port}", "")


@pytest.mark.parametrize(("name", "flags"), [("missing", "NC"), ("empty", "UH"), ("dead", "UF")])
async def test_failures_close(name: str, flags: str) -> None:
    async with running(tcp(name), cluster("empty"), cluster("dead", 1)) as proxy:
        assert await exchange(proxy.port(), b"x") == b""
        assert (await proxy.records.last()).flags == flags


async def test_other_hosts_are_tried() -> None:
    async with backend(shout) as port, running(tcp("b", max_connect_attempts=4), cluster("b", 1, port)) as proxy:
        for _ in range(4):
            assert await exchange(proxy.port(), b"x", eof=True) == b"X-end"


async def test_weights_are_exact() -> None:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"1")

    async def two(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"2")

    weights = {"clusters": [{"name": "a", "weight": 90}, {"name": "b", "weight": 10}]}
    split = {"name": "tcp", "typed_config": {"@type": TCP, "stat_prefix": "t", "weighted_clusters": weights}}
    async with (
        backend(one) as first,
        backend(two) as second,
        running(split, cluster("a", first), cluster("b", second)) as proxy,
    ):
        got = [await exchange(proxy.port(), b"") for _ in range(20)]
    assert (got.count(b"1"), got.count(b"2")) == (18, 2)


async def test_idle_tunnels_end() -> None:
    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with backend(quiet) as port, running(tcp("b", idle_timeout="0.05s"), cluster("b", port)) as proxy:
        assert await exchange(proxy.port(), b"x") == b""
        assert (await proxy.records.last()).flags == "SI"
