"""Requests through a real engine: what reaches the backend, what comes back, what is told afterwards."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from typing import Any

import pytest

from tests.sidecar.engines import (
    FAULT,
    GET,
    Echo,
    answer,
    backend,
    call,
    cluster,
    exchange,
    hcm,
    read_request,
    route,
    running,
)

pytestmark = pytest.mark.integration


async def test_headers_that_go_upstream() -> None:
    echo = Echo()
    async with backend(echo) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        status, head, body = await call(
            proxy.port(), "/x?y=1", headers="Accept: a\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
        )
        record = await proxy.records.last()
    assert (status, body) == (200, b"ok")
    assert b"server: envoy" in head
    assert b"x-envoy-upstream-service-time: " in head
    assert b"\r\ndate: " in head
    assert re.fullmatch(
        rb"GET /x\?y=1 HTTP/1.1\r\nhost: a.test\r\naccept: a\r\nte: trailers\r\nx-forwarded-proto: http\r\n"
        rb"x-request-id: [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\r\n"
        rb"x-envoy-expected-rq-timeout-ms: 15000\r\n\r\n",
        echo.heads[0],
    )
    assert (record.response_code, record.flags, record.details, record.cluster) == (200, "", "via_upstream", "b")
    assert record.upstream_host == f"127.0.0.1:{port}"
    assert record.bytes_sent == 2


async def test_keep_alive_both_sides_and_pipelining() -> None:
    echo = Echo(answer(b"1"), answer(b"2"), answer(b"3"))
    async with backend(echo) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        data = await exchange(proxy.port(), GET * 2 + GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        assert [part[-1:] for part in data.split(b"HTTP/1.1 200 OK")[1:]] == [b"1", b"2", b"3"]
        assert echo.connections == 1
        assert proxy.value("cluster.b.upstream_rq_total") == 3
        assert proxy.value("cluster.b.upstream_cx_total") == 1
        assert proxy.value("http.t.downstream_rq_2xx") == 3


async def test_client_half_close_still_gets_its_answer() -> None:
    async with backend(Echo()) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        assert (await exchange(proxy.port(), GET, eof=True)).endswith(b"ok")


@pytest.mark.parametrize("size", [0, 1, 70_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_request_bodies(size: int, chunked: bool) -> None:
    echo, body = Echo(), b"z" * size
    framed = b"transfer-encoding: chunked\r\n\r\n" + b"".join(
        b"%x\r\n%s\r\n" % (len(body[at : at + 999]), body[at : at + 999]) for at in range(0, size, 999)
    ) + b"0\r\n\r\n" if chunked else b"content-length: %d\r\n\r\n%s" % (size, body)  # fmt: skip
    async with backend(echo) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        data = await exchange(proxy.port(), b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n" + framed)
    assert data.startswith(b"HTTP/1.1 200 OK")
    assert echo.bodies == [body]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil close", b"until close"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
            b"x",
        ),
    ],
)
async def test_response_framings(raw: bytes, expected: bytes) -> None:
    async with (
        backend(Echo(raw, keep_alive=False)) as port,
        running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy,
    ):
        status, head, body = await call(proxy.port())
        if b"transfer-encoding" in head:
            body = b"".join(re.split(rb"[0-9a-f]+\r\n", body.replace(b"\r\n0\r\n\r\n", b""))).replace(b"\r\n", b"")
        assert (status // 100, body) == (2, expected)


async def test_head_has_no_body_and_keeps_its_length() -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"
    async with backend(Echo(raw)) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        status, head, body = await call(proxy.port(), method="HEAD")
    assert (status, body) == (200, b"")
    assert b"content-length: 99" in head


async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"SSH-2.0-hello\r\n\r\n")
    await reader.read()


REFUSED = "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}"
RESET = b"upstream connect error or disconnect/reset before headers. "


@pytest.mark.parametrize(
    ("handler", "action", "status", "flags", "details", "body"),
    [
        (drop, {}, 503, "UC", "upstream_reset_before_response_started{connection_termination}",
         RESET + b"reset reason: connection termination"),
        (garbage, {}, 502, "UPE", "upstream_reset_before_response_started{protocol_error}",
         RESET + b"reset reason: protocol error"),
        (silent, {"timeout": "0.1s"}, 504, "UT", "response_timeout", b"upstream request timeout"),
        (silent, {"idle_timeout": "0.1s"}, 504, "SI", "stream_idle_timeout", b"stream timeout"),
        (silent, {"timeout": "0s", "max_stream_duration": {"max_stream_duration": "0.1s"}}, 504, "",
         "max_duration_timeout", b"downstream duration timeout"),
        (silent, {"retry_policy": {"retry_on": "5xx", "num_retries": 1, "per_try_timeout": "0.05s"}}, 504, "URX,UT",
         "upstream_per_try_timeout", b"upstream request timeout"),
        (Echo(answer(b"x", b"503 Bad")), {"retry_policy": {"retry_on": "5xx", "num_retries": 2}}, 503, "URX",
         "via_upstream", b"x"),
    ],
)  # fmt: skip
async def test_local_replies(
    handler: Any, action: dict[str, Any], status: int, flags: str, details: str, body: bytes
) -> None:
    async with backend(handler) as port, running(hcm(route("/", cluster="b", **action)), cluster("b", port)) as proxy:
        got = await call(proxy.port())
        record = await proxy.records.last()
    assert (got[0], got[2], record.flags, record.details) == (status, body, flags, details)


@pytest.mark.parametrize(
    ("path", "status", "flags", "details", "body"),
    [
        ("/none", 404, "NR", "route_not_found", b""),
        ("/nocluster", 503, "NC", "cluster_not_found", b""),
        ("/empty", 503, "UH", "no_healthy_upstream", b"no healthy upstream"),
        ("/dead", 503, "UF", REFUSED,
         RESET + b"reset reason: remote connection failure"),
        ("/direct", 418, "", "direct_response", b"tea"),
        ("/redirect", 301, "", "direct_response", b""),
        ("/over", 503, "UO", "upstream_reset_before_response_started{overflow}", RESET + b"reset reason: overflow"),
    ],
)  # fmt: skip
async def test_answers_without_an_upstream(path: str, status: int, flags: str, details: str, body: bytes) -> None:
    routes = hcm(
        route("/nocluster", cluster="missing"),
        route("/empty", cluster="empty"),
        route("/dead", cluster="dead"),
        route("/over", cluster="over"),
        route("/direct", direct_response={"status": 418, "body": {"inline_string": "tea"}}),
        route("/redirect", redirect={"host_redirect": "b.test"}),
    )
    over = cluster("over", 1, circuit_breakers={"thresholds": [{"max_requests": 0}]})
    async with running(routes, cluster("empty"), cluster("dead", 1), over) as proxy:
        got = await call(proxy.port(), path)
        record = await proxy.records.last()
    assert (got[0], got[2], record.flags, record.details) == (status, body, flags, details)
    if status == 301:
        assert b"location: http://b.test/redirect" in got[1]
    assert (b"x-envoy-overloaded: true" in got[1]) == (flags == "UO")


async def test_grpc_gets_its_status_in_the_head() -> None:
    async with running(hcm(route("/", cluster="empty")), cluster("empty")) as proxy:
        status, head, body = await call(proxy.port(), method="POST", headers="content-type: application/grpc\r\n")
    assert (status, body) == (200, b"")
    assert b"grpc-status: 14" in head
    assert b"grpc-message: no healthy upstream" in head


async def test_a_retry_replays_the_body_that_was_kept() -> None:
    echo = Echo(answer(b"", b"503 Bad"), answer(b"fine"))
    policy = {"retry_on": "5xx", "num_retries": 2}
    async with (
        backend(echo) as port,
        running(hcm(route("/", cluster="b", retry_policy=policy)), cluster("b", port)) as proxy,
    ):
        status, _, body = await call(proxy.port(), method="POST", body=b"payload")
        record = await proxy.records.last()
        assert proxy.value("cluster.b.upstream_rq_retry") == 1
        assert proxy.value("cluster.b.upstream_rq_active") == 0
    assert (status, body, record.attempts) == (200, b"fine", 2)
    assert echo.bodies == [b"payload", b"payload"]


async def test_a_body_too_large_to_keep_is_not_replayed() -> None:
    echo = Echo(answer(b"no", b"503 Bad"), answer(b"fine"))
    policy = {"retry_on": "5xx", "num_retries": 2}
    async with (
        backend(echo) as port,
        running(hcm(route("/", cluster="b", retry_policy=policy)), cluster("b", port)) as proxy,
    ):
        status, _, _ = await call(proxy.port(), method="POST", body=b"p" * 300_000)
    assert status == 503
    assert len(echo.heads) == 1


async def test_a_stale_connection_costs_no_request() -> None:
    """The server answers once and closes: the next request must not meet the closed connection."""
    async with (
        backend(Echo(keep_alive=False)) as port,
        running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy,
    ):
        for _ in range(5):
            assert (await call(proxy.port()))[0] == 200


async def test_unsolicited_bytes_on_an_idle_connection_end_it() -> None:
    echo = Echo(answer(b"a") + answer(b"evil"), answer(b"b"))
    async with backend(echo) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        assert (await call(proxy.port()))[2] == b"a"
        assert (await call(proxy.port()))[2] == b"b"
    assert echo.connections == 2


async def test_faults() -> None:
    percent = {"numerator": 100, "denominator": "HUNDRED"}
    delay = {
        "name": "fault",
        "typed_config": {
            "@type": FAULT,
            "delay": {"fixed_delay": "0.1s", "percentage": percent},
            "abort": {"http_status": 555, "percentage": percent},
        },
    }
    async with running(hcm(route("/", cluster="b"), filters=(delay,)), cluster("b", 1)) as proxy:
        started = asyncio.get_running_loop().time()
        status, _, body = await call(proxy.port())
        assert asyncio.get_running_loop().time() - started >= 0.1
        record = await proxy.records.last()
    assert (status, body, record.flags, record.details) == (555, b"fault filter abort", "DI,FI", "fault_filter_abort")


async def test_expect_continue() -> None:
    echo = Echo()
    async with backend(echo) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 200")
        writer.close()
    assert echo.bodies == [b"abc"]
    assert b"\r\nexpect:" not in echo.heads[0]


async def test_a_broken_chunk_resets_the_upstream() -> None:
    lost = asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            begun.set()
            while await reader.read(1000):
                pass
        finally:
            lost.set()

    begun = asyncio.Event()

    async with backend(upstream) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await asyncio.wait_for(begun.wait(), 5)
        writer.write(b"0x1\r\n")
        data = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert data.startswith(b"HTTP/1.1 400 Bad Request")
        assert b"connection: close" in data
        await asyncio.wait_for(lost.wait(), 5)


async def test_a_response_cut_short_is_never_a_clean_end() -> None:
    raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"
    async with (
        backend(Echo(raw, keep_alive=False)) as port,
        running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy,
    ):
        with pytest.raises(ConnectionResetError):
            await call(proxy.port())
        record = await proxy.records.last()
    assert (record.flags, record.details) == ("UC", "upstream_reset_after_response_started{connection_termination}")


async def test_a_client_that_leaves_ends_the_upstream_request() -> None:
    gone = asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        started.set()
        try:
            await reader.read()
        finally:
            gone.set()

    started = asyncio.Event()
    async with backend(upstream) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(GET)
        await asyncio.wait_for(started.wait(), 5)
        # A reset, because a mere end of data is a half-close and its answer is still wanted.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await asyncio.wait_for(gone.wait(), 5)
        record = await proxy.records.last()
        assert proxy.value("http.t.downstream_rq_active") == 0
    assert record.flags == "DC"


async def test_streaming_is_bounded_by_the_slower_side() -> None:
    """A server that writes 64 MiB to a client that does not read must be held back."""
    total, written = 64 << 20, 0

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while written < total:
            writer.write(b"x" * 65536)
            written += 65536
            await writer.drain()

    async with backend(upstream) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port(), limit=1 << 16)
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.3)
        assert written < 24 << 20  # what sockets and our bounded buffers hold
        left = total
        while left:
            left -= len(await asyncio.wait_for(reader.read(1 << 20), 5))
        writer.close()


@pytest.mark.parametrize("allowed", [True, False])
async def test_websocket_upgrade(allowed: bool) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"upgrade: websocket\r\n" in head
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello")
        while data := await reader.read(100):
            writer.write(data.upper())

    config = {"upgrade_configs": [{"upgrade_type": "websocket"}]} if allowed else {}
    async with backend(upstream) as port, running(hcm(route("/", cluster="b"), **config), cluster("b", port)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: WebSocket\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        if not allowed:
            assert head.startswith(b"HTTP/1.1 403")
        else:
            assert head.startswith(b"HTTP/1.1 101")
            assert await reader.readexactly(5) == b"hello"
            writer.write(b"abc")
            assert await reader.readexactly(3) == b"ABC"
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
