"""HTTP/2 from clients: connections, their faults, their end, on real sockets with `h2`, curl and nghttp."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from sidecar.protocol import http2_frames as frames
from sidecar.protocol.hpack_encoder import encode
from sidecar.protocol.http2_settings import settings_frame
from tests.sidecar.engines import WAIT_S, Echo, answer, backend, cluster, hcm, read_request, route, running
from tests.sidecar.http2_peer import Peer, fronted, pairs
from tests.support.http2 import GET, errors, headers, parse

pytestmark = pytest.mark.integration
HELLO = frames.PREFACE + settings_frame({})


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def raw(port: int, data: bytes) -> bytes:
    """Send bytes and read until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), WAIT_S)
    finally:
        writer.close()


async def test_many_requests_share_a_connection() -> None:
    echo = Echo(answer(b"ok", extra=b"X-Up: 1\r\n"))
    async with fronted(echo) as (proxy, peer):
        answers = [peer.send(pairs(b"GET", b"/%d" % number)) for number in range(20)]
        for one in answers:
            await asyncio.wait_for(one.ended.wait(), WAIT_S)
        assert {one.status for one in answers} == {200}
        assert {(one.body, one.headers[b"x-up"]) for one in answers} == {(b"ok", b"1")}
        assert proxy.value("http.t.downstream_cx_active") == 1
        assert proxy.value("http2.streams_active") == 0
        record = await proxy.records.last()
    assert record.protocol == "HTTP/2"
    assert sorted(head.split(b" ")[1] for head in echo.heads) == sorted(b"/%d" % number for number in range(20))
    assert b"host: a.test\r\n" in echo.heads[0]
    assert proxy.value("http.t.downstream_cx_total") == 1
    assert proxy.value("http.t.downstream_rq_total") == 20


@pytest.mark.parametrize(
    ("wire", "code", "counter"),
    [
        (b"\x00\x00\x08\x06\x00\x00\x00\x00\x01" + bytes(8), frames.PROTOCOL_ERROR, None),
        (headers(1, GET, end=False) + b"".join(frames.frame(0, 0, 1) for _ in range(2)), frames.ENHANCE_YOUR_CALM,
         "inbound_empty_frames_flood"),
        (frames.frame(frames.PRIORITY, 0, 1, bytes(5)) * 101, frames.ENHANCE_YOUR_CALM,
         "inbound_priority_frames_flood"),
    ],
)  # fmt: skip
async def test_faults_end_the_connection(wire: bytes, code: int, counter: str | None) -> None:
    async with running(hcm()) as proxy:
        got = await raw(proxy.port(), HELLO + wire)
        assert errors(got)[-1][2] == code
        assert proxy.value("http.t.downstream_cx_active") == 0
        assert proxy.value("http2.goaway_sent") == 1
        if counter is not None:
            assert proxy.value(f"http2.{counter}") == 1


async def test_a_malformed_request_costs_its_stream_only() -> None:
    echo = Echo()
    async with fronted(echo) as (proxy, peer):
        bad = await peer.ask(pairs(b"GET", b"/", (b"connection", b"close")))
        good = await peer.ask(pairs())
        assert proxy.value("http2.rx_messaging_error") == 1
    assert bad.reset == frames.PROTOCOL_ERROR
    assert good.status == 200
    assert len(echo.heads) == 1


async def test_too_many_headers_are_answered() -> None:
    async with running(hcm()) as proxy, Peer(proxy.port()) as peer:
        got = await peer.ask(pairs(b"GET", b"/", *[(b"x-%d" % number, b"1") for number in range(100)]))
        assert got.status == 431


async def test_concurrent_streams_are_limited() -> None:
    async with (
        running(
            hcm(route("/", cluster="b"), http2_protocol_options={"max_concurrent_streams": 1}), cluster("b", 1)
        ) as p,
    ):
        wire = HELLO + headers(1, [*GET[:1], *GET[1:]], end=False) + headers(3, GET) + frames.frame(7, 0, 0, bytes(3))
        got = await raw(p.port(), wire)
    assert ("reset", 3, frames.REFUSED_STREAM) in errors(got)


async def test_drain_serves_what_is_under_way_and_says_goodbye() -> None:
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await release.wait()
        writer.write(answer(b"late"))
        await reader.read()

    front = hcm(route("/", cluster="b"))
    async with backend(slow) as port, running(front, cluster("b", port)) as proxy:
        busy = asyncio.ensure_future(raw(proxy.port(), HELLO + headers(1, GET)))
        idle = asyncio.ensure_future(raw(proxy.port(), HELLO))
        while proxy.value("http.t.downstream_rq_active") == 0 or proxy.value("http.t.downstream_cx_total") < 2:
            await asyncio.sleep(0)
        drain = asyncio.ensure_future(proxy.engine.drain(WAIT_S))
        assert errors(await idle) == [("goaway", 0, 0)]
        assert not busy.done()
        release.set()
        got = await busy
        await drain
    assert errors(got) == [("goaway", frames.STREAM_ID_MAX, 0), ("goaway", 1, 0)]
    assert (frames.DATA, frames.END_STREAM, 1, b"late") in parse(got)


async def test_idle_connections_end_with_goaway() -> None:
    async with running(hcm(common_http_protocol_options={"idle_timeout": "0.05s"})) as proxy:
        async with Peer(proxy.port()) as peer:
            await asyncio.wait_for(peer.gone.wait(), WAIT_S)
        assert peer.goaways == [(0, 0)]
        assert proxy.value("http.t.downstream_cx_idle_timeout") == 1


async def test_half_close_still_gets_its_answer() -> None:
    async with running(hcm(route("/", direct_response={"status": 200, "body": {"inline_string": "hi"}}))) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(HELLO + headers(1, GET))
        writer.write_eof()
        got = await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()
    assert b"\x00\x00\x02\x00\x01\x00\x00\x00\x01hi" in got


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_bytes_may_come_in_any_pieces(size: int) -> None:
    wire = HELLO + headers(1, [*GET, (b"x", b"y")]) + frames.frame(frames.CONTINUATION, 4, 0)
    async with running(hcm(route("/", direct_response={"status": 200}))) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        for at in range(0, len(wire), size):
            writer.write(wire[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)
        got = await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()
    assert encode([(b":status", b"200")]) in got


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
async def test_curl() -> None:
    body = b"x" * 300_000
    async with backend(Echo(answer(body))) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        url = f"http://127.0.0.1:{proxy.port()}/"
        curl = await asyncio.create_subprocess_exec(
            "curl", "-s", "--http2-prior-knowledge", "-d", "abc", url, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(curl.communicate(), WAIT_S)
    assert out == body


@pytest.mark.skipif(shutil.which("nghttp") is None, reason="no nghttp")
async def test_nghttp() -> None:
    body = b"x" * 300_000
    async with backend(Echo(answer(body))) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        urls = [f"http://127.0.0.1:{proxy.port()}/{number}" for number in range(5)]
        nghttp = await asyncio.create_subprocess_exec("nghttp", *urls, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(nghttp.communicate(), WAIT_S)
    assert out == body * 5


@pytest.mark.parametrize(
    ("options", "counter"),
    [({"max_requests_per_connection": 1}, "max_requests"), ({"max_connection_duration": "0.05s"}, "max_duration")],
)
async def test_connections_that_had_their_time_are_drained(options: dict[str, object], counter: str) -> None:
    front = hcm(route("/", direct_response={"status": 200}), common_http_protocol_options=options)
    async with running(front) as proxy:
        got = await raw(proxy.port(), HELLO + headers(1, GET))
        assert errors(got)[-1] == ("goaway", 1, 0)
        assert proxy.value(f"http.t.downstream_cx_{counter}_reached") == 1
