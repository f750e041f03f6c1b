"""HTTP/2 to upstreams: messages both ways, resets, GOAWAY, on real sockets with `h2` and grpcio at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sidecar.protocol import http2_frames as frames
from tests.sidecar.engines import WAIT_S, Running, backend, call, exchange, hcm, route, running
from tests.sidecar.http2_peer import Peer, Server, http2_cluster, pairs

pytestmark = pytest.mark.integration
OK = [(b":status", b"200"), (b"x-up", b"1")]


def plain(connection: Any, stream: int, *request: Any) -> None:
    connection.send_headers(stream, OK)
    connection.send_data(stream, b"ok", end_stream=True)


@asynccontextmanager
async def served(answer: Callable[..., None], **action: Any) -> AsyncIterator[tuple[Running, Server]]:
    server = Server(answer)
    async with (
        backend(server) as port,
        running(hcm(route("/", cluster="b", **action)), http2_cluster(port)) as proxy,
    ):
        yield proxy, server


async def test_http1_in_http2_out() -> None:
    async with served(plain) as (proxy, server):
        for _ in range(4):
            status, head, body = await call(proxy.port(), "/p?q", method="POST", headers="X-A: 1\r\n", body=b"hello")
            assert (status, b"x-up: 1\r\n" in head, body) == (200, True, b"2\r\nok\r\n0\r\n\r\n")
        assert proxy.value("cluster.b.upstream_cx_total") == 1
        assert proxy.value("cluster.b.upstream_cx_http2_total") == 1
        assert proxy.value("cluster.b.http2.streams_active") == 0
    headers, data, _ = server.requests[-1]
    assert (headers[b":method"], headers[b":path"], headers[b":authority"]) == (b"POST", b"/p?q", b"a.test")
    assert (headers[b"x-a"], headers[b"content-length"], data) == (b"1", b"5", b"hello")
    assert b"x-request-id" in headers
    assert b"connection" not in headers


async def test_http2_both_sides_with_trailers() -> None:
    def answer(connection: Any, stream: int, *request: Any) -> None:
        connection.send_headers(stream, OK)
        connection.send_data(stream, b"body")
        connection.send_headers(stream, [(b"grpc-status", b"0")], end_stream=True)

    async with served(answer) as (proxy, server), Peer(proxy.port()) as peer:
        got = await peer.ask(pairs(b"POST"), b"hello", [(b"x-t", b"9")])
    assert (got.status, got.body, got.trailers) == (200, b"body", {b"grpc-status": b"0"})
    assert server.requests[0][1:] == (b"hello", {b"x-t": b"9"})


async def test_requests_share_a_connection() -> None:
    waiting: list[tuple[Any, int]] = []

    def hold(connection: Any, stream: int, *request: Any) -> None:
        waiting.append((connection, stream))
        if len(waiting) == 10:
            for one in waiting:
                plain(*one)

    async with served(hold) as (proxy, _), Peer(proxy.port()) as peer:
        answers = [peer.send(pairs()) for _ in range(10)]
        for one in answers:
            await asyncio.wait_for(one.ended.wait(), WAIT_S)
        assert {one.status for one in answers} == {200}
        assert proxy.value("cluster.b.upstream_cx_total") == 1


@pytest.mark.parametrize(
    ("code", "flags", "body"),
    [
        (frames.REFUSED_STREAM, "UR", b"remote refused stream reset"),
        (frames.INTERNAL_ERROR, "UR", b"remote reset"),
    ],
)
async def test_resets_before_the_response(code: int, flags: str, body: bytes) -> None:
    async with served(lambda connection, stream, *_: connection.reset_stream(stream, code)) as (proxy, _):
        status, _, got = await call(proxy.port())
        record = await proxy.records.last()
    assert (status, record.flags) == (503, flags)
    assert got.endswith(b"reset reason: " + body)


async def test_a_refused_stream_is_tried_again() -> None:
    def once(connection: Any, stream: int, *request: Any) -> None:
        if stream == 1:
            connection.reset_stream(stream, frames.REFUSED_STREAM)
        else:
            plain(connection, stream)

    async with served(once, retry_policy={"retry_on": "refused-stream"}) as (proxy, server):
        status, _, _ = await call(proxy.port())
    assert (status, len(server.requests)) == (200, 2)


async def test_a_reset_within_the_response_cuts_it() -> None:
    def cut(connection: Any, stream: int, *request: Any) -> None:
        connection.send_headers(stream, OK)
        connection.send_data(stream, b"par")
        connection.reset_stream(stream, frames.INTERNAL_ERROR)

    async with served(cut) as (proxy, _):
        async with Peer(proxy.port()) as peer:
            got = await peer.ask(pairs())
        assert (got.status, got.reset) == (200, frames.INTERNAL_ERROR)


async def test_malformed_responses_are_502() -> None:
    def bad(connection: Any, stream: int, *request: Any) -> None:
        connection.send_headers(stream, [(b":status", b"99")], end_stream=True)

    async with served(bad) as (proxy, _):
        status, _, _ = await call(proxy.port())
        assert status == 502
        assert proxy.value("cluster.b.http2.rx_messaging_error") == 1


async def test_a_client_that_resets_is_told_upstream() -> None:
    async with served(lambda *_: None) as (proxy, server):
        async with Peer(proxy.port()) as peer:
            peer.send(pairs())
            while not server.requests:
                await asyncio.sleep(0)
            peer.h2.reset_stream(1)
            peer.flush()
            await asyncio.wait_for(server.reset_came.wait(), WAIT_S)
        assert server.resets == [frames.CANCEL]
        assert proxy.value("cluster.b.upstream_cx_active") == 1


async def test_goaway_ends_a_connection_after_what_is_under_way() -> None:
    def leave(connection: Any, stream: int, *request: Any) -> None:
        plain(connection, stream)
        if len(server.connections) == 1:
            connection.close_connection(last_stream_id=stream)

    async with served(leave) as (proxy, server):
        assert (await call(proxy.port()))[0] == 200
        while proxy.value("cluster.b.upstream_cx_active"):
            await asyncio.sleep(0)
        assert (await call(proxy.port()))[0] == 200
    assert len(server.connections) == 2


async def test_large_bodies_pass_under_flow_control() -> None:
    async with served(plain) as (proxy, server):
        body = b"u" * 500_000
        length = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
        got = await exchange(proxy.port(), b"POST / HTTP/1.1\r\nhost: a\r\n" + length + body)
    assert got.startswith(b"HTTP/1.1 200")
    assert server.requests[0][1] == body


async def test_upgrades_are_refused() -> None:
    server = Server(plain)
    front = hcm(route("/", cluster="b"), upgrade_configs=[{"upgrade_type": "websocket"}])
    async with backend(server) as port, running(front, http2_cluster(port)) as proxy:
        status, _, _ = await call(proxy.port(), headers="upgrade: websocket\r\nconnection: upgrade\r\n")
    assert status == 403
    assert server.requests == []


async def test_grpc_of_every_kind() -> None:
    grpc = pytest.importorskip("grpc")

    async def unary(request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("x-end", "1"),))
        if request == b"fail":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
        return b"re:" + request

    async def stream(requests: Any, context: Any) -> AsyncIterator[bytes]:
        async for one in requests:
            yield b"re:" + one

    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "t.Echo",
                {
                    "Unary": grpc.unary_unary_rpc_method_handler(unary),
                    "Stream": grpc.stream_stream_rpc_method_handler(stream),
                },
            ),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with (
            running(hcm(route("/", cluster="b")), http2_cluster(port)) as proxy,
            grpc.aio.insecure_channel(f"127.0.0.1:{proxy.port()}") as channel,
        ):
            called = channel.unary_unary("/t.Echo/Unary")(b"a")
            assert await called == b"re:a"
            assert ("x-end", "1") in [tuple(one) for one in await called.trailing_metadata()]
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await channel.unary_unary("/t.Echo/Unary")(b"fail")
            assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.NOT_FOUND, "no such thing")
            both = channel.stream_stream("/t.Echo/Stream")()
            for one in (b"1", b"2"):
                await both.write(one)
                assert await both.read() == b"re:" + one
            await both.done_writing()
            assert await both.read() == grpc.aio.EOF
            assert await both.code() == grpc.StatusCode.OK
    finally:
        await server.stop(None)
