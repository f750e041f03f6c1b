"""HTTP/2 requests: bodies both ways, trailers, resets, gRPC answers, WebSocket, on real sockets."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.protocol import http2_frames as frames
from tests.sidecar.engines import WAIT_S, Echo, answer, backend, cluster, hcm, read_request, route, running
from tests.sidecar.http2_peer import Peer, fronted, pairs

pytestmark = pytest.mark.integration
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n"


async def test_bodies_and_trailers_both_ways() -> None:
    seen = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"x-t: 9\r\n\r\n"))
        writer.write(CHUNKED)
        await reader.read()

    async with fronted(upstream) as (_, peer):
        got = await peer.ask(pairs(b"POST", b"/", (b"cookie", b"a=1"), (b"cookie", b"b=2")), b"hello", [(b"x-t", b"9")])
    assert (got.status, got.body, got.trailers) == (200, b"abc", {b"x-sum": b"1"})
    assert b"transfer-encoding" not in got.headers
    assert b"transfer-encoding: chunked\r\n" in seen[0]
    assert b"cookie: a=1; b=2\r\n" in seen[0]
    assert b"5\r\nhello\r\n0\r\nx-t: 9\r\n\r\n" in seen[0]


async def test_a_content_length_stays() -> None:
    echo = Echo()
    async with fronted(echo) as (_, peer):
        got = await peer.ask(pairs(b"POST", b"/", (b"content-length", b"5")), b"hello")
        wrong = await peer.ask(pairs(b"POST", b"/", (b"content-length", b"6")), b"hello")
    assert got.status == 200
    assert wrong.reset == frames.PROTOCOL_ERROR
    assert echo.bodies == [b"hello"]
    assert b"content-length: 5\r\n" in echo.heads[0]


async def test_head_and_no_content_have_no_body() -> None:
    echo = Echo(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n")
    async with fronted(echo) as (_, peer):
        head = await peer.ask(pairs(b"HEAD"))
        empty = await peer.ask(pairs())
    assert (head.headers[b"content-length"], head.body, head.reset) == (b"5", b"", None)
    assert (empty.status, empty.body) == (204, b"")


async def test_a_stalled_stream_stalls_no_other() -> None:
    big = b"x" * 2_000_000
    echo = Echo(answer(big), answer(b"small"))
    async with fronted(echo) as (_, peer):
        peer.acknowledges = False
        peer.h2.increment_flow_control_window(10_000_000)
        stalled = peer.send(pairs(b"GET", b"/big"))
        await asyncio.wait_for(stalled.started.wait(), WAIT_S)
        small = await peer.ask(pairs(b"GET", b"/small"))
        assert small.body == b"small"
        assert not stalled.ended.is_set()
        peer.h2.increment_flow_control_window(3_000_000, 1)
        peer.flush()
        await asyncio.wait_for(stalled.ended.wait(), WAIT_S)
    assert stalled.body == big


async def test_large_uploads_pass_under_flow_control() -> None:
    seen = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await read_request(reader)
        seen.append(len(body))
        writer.write(answer(b"ok"))
        await reader.read()

    async with fronted(upstream) as (_, peer):
        got = peer.send(pairs(b"POST"), None)
        left = 1_000_000
        while left:
            room = min(left, peer.h2.local_flow_control_window(1), 16384)
            if room:
                peer.more(1, b"u" * room, end=left == room)
                left -= room
            await asyncio.sleep(0)
        await asyncio.wait_for(got.ended.wait(), WAIT_S)
    assert (got.status, seen) == (200, [1_000_000])


async def test_resets_go_upstream_and_back() -> None:
    gone = asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        if b"/cut" in head:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
            await writer.drain()
            return
        await reader.read()
        gone.set()

    async with fronted(upstream) as (proxy, peer):
        cut = await peer.ask(pairs(b"GET", b"/cut"))
        assert cut.reset == frames.INTERNAL_ERROR
        peer.send(pairs(b"GET", b"/wait"))
        while proxy.value("http.t.downstream_rq_active") == 0:
            await asyncio.sleep(0)
        peer.h2.reset_stream(3)
        peer.flush()
        await asyncio.wait_for(gone.wait(), WAIT_S)
        while proxy.value("http.t.downstream_rq_rx_reset") == 0:
            await asyncio.sleep(0)
        assert proxy.value("http2.streams_active") == 0


async def test_an_answer_before_the_request_ends_stops_the_request() -> None:
    async with running(hcm(route("/", direct_response={"status": 403}))) as proxy, Peer(proxy.port()) as peer:
        got = peer.send(pairs(b"POST"), None)
        await asyncio.wait_for(got.ended.wait(), WAIT_S)
        assert (got.status, got.reset) == (403, frames.NO_ERROR)
        assert proxy.value("http2.streams_active") == 0


async def test_expectations_are_answered() -> None:
    echo = Echo()
    async with fronted(echo) as (_, peer):
        got = await peer.ask(pairs(b"POST", b"/", (b"expect", b"100-continue")), b"hello")
    assert (got.informational, got.status) == ([b"100"], 200)
    assert b"expect:" not in echo.heads[0]


async def test_local_replies_to_grpc_are_trailers_only() -> None:
    async with running(hcm(route("/", cluster="b")), cluster("b")) as proxy, Peer(proxy.port()) as peer:
        got = await peer.ask(pairs(b"POST", b"/a.B/C", (b"content-type", b"application/grpc")), b"\x00\x00\x00\x00\x00")
    assert got.status == 200
    assert (got.headers[b"grpc-status"], got.headers[b"grpc-message"]) == (b"14", b"no healthy upstream")
    assert got.body == b""


async def test_timeouts_are_of_the_stream() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    routes = (route("/slow", cluster="s", timeout="0.05s"), route("/", direct_response={"status": 200}))
    async with backend(silent) as port, running(hcm(*routes), cluster("s", port)) as proxy, Peer(proxy.port()) as peer:
        slow = peer.send(pairs(b"GET", b"/slow"))
        fast = await peer.ask(pairs())
        await asyncio.wait_for(slow.ended.wait(), WAIT_S)
    assert (fast.status, slow.status, slow.body) == (200, 504, b"upstream request timeout")


WEBSOCKET = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *pairs(b"", b"/chat")[1:]]


async def test_websocket_over_http2() -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"GET /chat HTTP/1.1\r\n")
        assert b"upgrade: websocket\r\n" in head
        assert b"sec-websocket-key: " in head
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-accept: x\r\n\r\nhello"
        )
        writer.write(await reader.readexactly(9))
        await writer.drain()

    config = {"upgrade_configs": [{"upgrade_type": "websocket"}], "http2_protocol_options": {"allow_connect": True}}
    async with fronted(upstream, **config) as (_, peer):
        got = peer.send(WEBSOCKET, None)
        peer.more(1, b"early")
        await asyncio.wait_for(got.started.wait(), WAIT_S)
        peer.more(1, b"late")
        await asyncio.wait_for(got.ended.wait(), WAIT_S)
    assert got.status == 200
    assert b"sec-websocket-accept" not in got.headers
    assert got.body == b"helloearlylate"


async def test_extended_connect_must_be_offered() -> None:
    async with running(hcm(route("/", cluster="b")), cluster("b")) as proxy, Peer(proxy.port()) as peer:
        got = await peer.ask(WEBSOCKET)
    assert got.reset == frames.PROTOCOL_ERROR
