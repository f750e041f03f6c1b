"""Pools on real sockets: last in first out, bounds, age, failures told to who waits."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.balancing.limits import Limits
from sidecar.exchange.cluster_stats import ClusterStats
from sidecar.exchange.http1_client import Http1Client, Reset
from sidecar.exchange.pool import Pool
from sidecar.net.addresses import Endpoint
from sidecar.net.dial import Plan
from sidecar.net.dispatcher import Dispatcher
from sidecar.protocol.http1_response import ResponseMessage
from sidecar.protocol.message import Headers
from sidecar.telemetry.stats import Stats
from tests.sidecar.engines import Echo, backend, cluster, hcm, route, running

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Waiter:
    def __init__(self) -> None:
        self.upstream: Http1Client | None = None
        self.reset: Reset | None = None
        self.answers: list[int] = []
        self.changed = asyncio.Event()

    def on_connected(self, upstream: Http1Client) -> None:
        self.upstream = upstream
        self.changed.set()

    def on_continue(self) -> None: ...

    def on_response(self, message: ResponseMessage, body: bytes, end: bool) -> None:
        self.answers.append(message.head.status)
        self.changed.set()

    def on_data(self, data: bytes, end: bool, trailers: Headers | None) -> None: ...

    def on_reset(self, reset: Reset, detail: str) -> None:
        self.reset = reset
        self.changed.set()

    def on_request_paused(self, paused: bool) -> None: ...

    async def change(self) -> None:
        await asyncio.wait_for(self.changed.wait(), 5)
        self.changed.clear()


def made(port: int, limits: Limits | None = None, **fields: float) -> Pool:
    loop = asyncio.get_running_loop()
    idle_s, requests_max = fields.get("idle_s", 60.0), round(fields.get("requests_max", 0))
    return Pool(
        Dispatcher(loop),
        Plan(Endpoint("127.0.0.1", port)),
        limits=limits or Limits(),
        stats=ClusterStats(Stats(), "c"),
        idle_s=idle_s,
        duration_s=fields.get("duration_s", 0.0),
        requests_max=requests_max,
    )


async def request(pool: Pool, waiter: Waiter) -> Http1Client:
    taken = pool.take(waiter)
    if taken is None:
        await waiter.change()
        taken = waiter.upstream
    assert isinstance(taken, Http1Client)
    taken.send(waiter, GET, b"GET", end=True, chunked=False)
    await waiter.change()
    return taken


async def test_connections_are_used_again_last_in_first_out() -> None:
    async with backend(Echo()) as port:
        pool = made(port)
        first, second = Waiter(), Waiter()
        assert pool.take(first) is None
        assert pool.take(second) is None
        await first.change()
        await second.change()
        assert first.upstream is not None
        assert second.upstream is not None
        for waiter in (first, second):
            assert waiter.upstream is not None
            waiter.upstream.send(waiter, GET, b"GET", end=True, chunked=False)
            await waiter.change()
        assert pool.take(Waiter()) is second.upstream
        assert pool.take(Waiter()) is first.upstream
        assert "connections=2 idle=0" in repr(pool)
        pool.abort()


async def test_bounds() -> None:
    async with backend(Echo()) as port:
        limits = Limits(max_connections=1, max_pending_requests=1)
        pool = made(port, limits)
        first, second = Waiter(), Waiter()
        assert pool.take(first) is None
        assert pool.take(Waiter()) is Reset.OVERFLOW
        await first.change()
        assert pool.take(second) is None  # waits: there may be one connection
        assert pool.take(Waiter()) is Reset.OVERFLOW
        assert first.upstream is not None
        first.upstream.send(first, GET, b"GET", end=True, chunked=False)
        await second.change()
        assert second.upstream is first.upstream
        pool.forget(second)
        pool.abort()
        assert (limits.connections.count, limits.pending.count) == (0, 0)


async def test_a_refused_dial_is_told() -> None:
    pool, waiter = made(1), Waiter()
    assert pool.take(waiter) is None
    await waiter.change()
    assert waiter.reset is Reset.CONNECTION_FAILURE
    assert pool.counters()["cx_connect_fail"] == 1


async def test_old_and_worn_out_connections_are_closed() -> None:
    echo = Echo()
    async with backend(echo) as port:
        pool = made(port, idle_s=0.05)
        await request(pool, Waiter())
        async with asyncio.timeout(5):
            while pool.connections:
                await asyncio.sleep(0.01)
        worn = made(port, requests_max=1)
        await request(worn, Waiter())
        await request(worn, Waiter())
        assert echo.connections == 3
        worn.close()
        assert worn.closed


async def test_a_connection_has_its_time() -> None:
    """It takes no request after that: idle it is closed, busy it is closed with its answer."""
    async with backend(Echo()) as port:
        pool = made(port, duration_s=0.05)
        waiter = Waiter()
        assert pool.take(waiter) is None
        await waiter.change()
        upstream = waiter.upstream
        assert upstream is not None
        pool.idle(upstream)
        async with asyncio.timeout(5):
            while not upstream.connection.closed:
                await asyncio.sleep(0.005)
        assert pool.unused
        assert pool._stats._named["upstream_cx_max_duration_reached"].value == 1
        assert pool._stats._named["upstream_cx_destroy_local"].value == 1
        old = Waiter()
        assert pool.take(old) is None
        await old.change()
        assert old.upstream is not None
        old.upstream.opened_s -= 1
        pool.idle(old.upstream)
        assert old.upstream.connection.closing
        assert pool.unused


async def test_a_clusters_buffer_limit_stops_the_client() -> None:
    """An upstream that does not read: of a large body no more is taken than the limit (and the machine's buffers)."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(3600)

    small = {"per_connection_buffer_limit_bytes": 4096}
    async with backend(deaf) as port, running(hcm(route("/", cluster="b")), cluster("b", port, **small)) as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n")
        await writer.drain()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
        pools = proxy.engine._clusters.active["b"].pools.values()
        queued = [one.connection.out_bytes for pool in pools for one in pool.connections]
        assert len(queued) == 1
        assert 0 < queued[0] <= 4096 + 2 * 65536
        writer.close()
