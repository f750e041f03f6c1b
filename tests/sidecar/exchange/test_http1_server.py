"""The client's side: refusals, timeouts, keep-alive, slow and wrong requests, on real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.sidecar.engines import GET, Echo, answer, backend, cluster, exchange, hcm, read_request, route, running

pytestmark = pytest.mark.integration
COMMON = "common_http_protocol_options"
SLOW = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab"


@pytest.mark.parametrize(
    ("data", "status", "details"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request", "missing_host_header"),
        (b"GET / HTTP/1.0\r\nhost: a\r\n\r\n", b"426 Upgrade Required", "low_version"),
        (b"GET / HTTP/1.1\nhost: a\n\n", b"400 Bad Request", "http1.codec_error"),
        (b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: x\r\n\r\n", b"501 Not Implemented",
         "http1.invalid_transfer_encoding"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
         b"431 Request Header Fields Too Large", "http1.headers_too_large"),
        (b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n", b"505 HTTP Version Not Supported", "http1.codec_error"),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_answered_and_closed(data: bytes, status: bytes, details: str) -> None:
    async with running(hcm()) as proxy:
        got = await exchange(proxy.port(), data)
        record = await proxy.records.last()
        assert proxy.value("http.t.downstream_cx_active") == 0
    assert got.startswith(b"HTTP/1.1 %s\r\n" % status)
    assert b"connection: close\r\n" in got
    assert record.details == details


async def test_nothing_after_a_refused_request_is_served() -> None:
    echo = Echo()
    async with backend(echo) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        got = await exchange(proxy.port(), b"GET / HTTP/1.1\r\n\r\n" + GET)
    assert got.count(b"HTTP/1.1 ") == 1
    assert echo.heads == []


async def test_slow_heads_are_cut() -> None:
    async with running(hcm(request_headers_timeout="0.05s")) as proxy:
        got = await exchange(proxy.port(), b"GET / HT")
    assert got.startswith(b"HTTP/1.1 408")


async def test_idle_connections_are_closed() -> None:
    async with running(hcm(common_http_protocol_options={"idle_timeout": "0.05s"})) as proxy:
        assert await exchange(proxy.port(), b"") == b""
        assert proxy.value("http.t.downstream_cx_idle_timeout") == 1


@pytest.mark.parametrize(
    ("fields", "data", "status", "details", "counter"),
    [
        ({"request_timeout": "0.05s"}, b"GET / HT", b"408", "request_overall_timeout", "rq_timeout"),
        ({"stream_idle_timeout": "0.05s"}, b"GET / HT", b"408", "stream_idle_timeout", "rq_idle_timeout"),
        ({"request_headers_timeout": "0.05s"}, b"GET / HT", b"408", "request_header_timeout", "rq_header_timeout"),
        ({"request_timeout": "0.05s"}, SLOW, b"408", "request_overall_timeout", "rq_timeout"),
        ({"stream_idle_timeout": "0.05s"}, SLOW, b"408", "stream_idle_timeout", "rq_idle_timeout"),
        ({COMMON: {"max_stream_duration": "0.05s"}}, SLOW, b"408", "max_duration_timeout", "rq_max_duration_reached"),
    ],
)
async def test_slow_requests_are_cut(
    fields: dict[str, Any], data: bytes, status: bytes, details: str, counter: str
) -> None:
    front = hcm(route("/", cluster="b"), **fields)
    async with backend(Echo()) as port, running(front, cluster("b", port)) as proxy:
        got = await exchange(proxy.port(), data)
        record = await proxy.records.last()
        assert proxy.value(f"http.t.downstream_{counter}") == 1
    assert got.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close\r\n" in got
    assert (record.flags.replace("SI", ""), record.details) == ("", details)


async def test_the_last_request_of_a_connection_is_told_so() -> None:
    front = hcm(route("/", cluster="b"), common_http_protocol_options={"max_requests_per_connection": 2})
    async with backend(Echo()) as port, running(front, cluster("b", port)) as proxy:
        got = await exchange(proxy.port(), GET * 3)
        assert proxy.value("http.t.downstream_cx_max_requests_reached") == 1
    assert got.count(b"HTTP/1.1 200") == 2
    assert got.count(b"connection: close") == 1


async def test_old_connections_end_after_a_response_or_when_idle() -> None:
    front = hcm(
        route("/", cluster="b"),
        common_http_protocol_options={"max_connection_duration": "0.05s"},
        drain_timeout="0.05s",
    )
    gate = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await gate.wait()
        writer.write(answer(b"late"))
        await writer.drain()

    async with backend(slow) as port, running(front, cluster("b", port)) as proxy:
        assert await exchange(proxy.port(), b"") == b""
        assert proxy.value("http.t.downstream_cx_max_duration_reached") == 1
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(GET)
        while proxy.value("http.t.downstream_cx_max_duration_reached") < 2:
            await asyncio.sleep(0.01)
        gate.set()
        got = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert b"connection: close" in got
    assert got.endswith(b"late")


@pytest.mark.parametrize(("kept", "tail"), [(True, b"0\r\nx-last: 1\r\n\r\n"), (False, b"0\r\n\r\n")])
async def test_trailers_pass_where_they_are_enabled(kept: bool, tail: bytes) -> None:
    seen = []

    async def trailing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        seen.append(await reader.readexactly(7 + len(tail)))
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-last: 1\r\n\r\n")
        await writer.drain()

    front = hcm(route("/", cluster="b"), http_protocol_options={"enable_trailers": kept})
    async with backend(trailing) as port, running(front, cluster("b", port)) as proxy:
        data = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        got = await exchange(proxy.port(), data + b"2\r\nab\r\n0\r\nx-last: 1\r\ncontent-length: 9\r\n\r\n")
    assert got.endswith(b"2\r\nok\r\n" + tail)
    assert seen == [b"2\r\nab\r\n" + tail]


@pytest.mark.parametrize("passed", [True, False])
async def test_who_tells_a_client_to_go_on(passed: bool) -> None:
    heads = []

    async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.write(answer(await reader.readexactly(2)))
        await writer.drain()

    front = hcm(route("/", cluster="b"), proxy_100_continue=passed)
    async with backend(asked) as port, running(front, cluster("b", port)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ab")
        final = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nab"), 5)
        writer.close()
    assert final.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (b"expect: 100-continue\r\n" in heads[0]) == passed


POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "answers"),
    [(GET * 3, 3), (GET + POST + b"ab" + GET, 3), (GET + b"GET / HT", 1), (GET * 2 + POST + b"a", 2), (POST + b"a", 0)],
)
async def test_what_was_sent_ahead_of_a_half_close_is_answered(data: bytes, answers: int) -> None:
    async with backend(Echo()) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        got = await exchange(proxy.port(), data, eof=True)
        assert proxy.value("http.t.downstream_cx_active") == 0
        assert proxy.value("http.t.downstream_rq_active") == 0
    assert got.count(b"HTTP/1.1 200 OK") == answers


CASED = {
    "header_key_format": {
        "stateful_formatter": {
            "name": "preserve_case",
            "typed_config": {
                "@type": "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"
            },
        }
    }
}


@pytest.mark.parametrize(("options", "names"), [(CASED, b"HOST X-In x-iN"), ({}, b"host x-in x-in")])
async def test_names_of_requests_go_on_as_they_came_if_wanted(options: dict[str, Any], names: bytes) -> None:
    echo = Echo()
    front = hcm(route("/", cluster="b"), http_protocol_options=options, generate_request_id=False)
    data = b"GET / HTTP/1.1\r\nHOST: a\r\nX-In: 1\r\nx-iN: 2\r\n\r\n"
    async with backend(echo) as port, running(front, cluster("b", port)) as proxy:
        await exchange(proxy.port(), data * 3, eof=True)
    assert len(echo.heads) == 3  # read, remembered, and prepared
    for head in echo.heads:
        assert [line.split(b":")[0] for line in head.split(b"\r\n")[1:4]] == names.split()


@pytest.mark.parametrize(("options", "name"), [(CASED, b"X-Own"), ({}, b"x-own")])
async def test_names_of_responses_go_on_as_they_came_if_the_cluster_wants_it(
    options: dict[str, Any], name: bytes
) -> None:
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    upstream = {kind: {"@type": kind, "explicit_http_config": {"http_protocol_options": options}}}
    echo = Echo(answer(b"ok", extra=b"X-Own: 1\r\n"))
    async with (
        backend(echo) as port,
        running(hcm(route("/", cluster="b")), cluster("b", port, typed_extension_protocol_options=upstream)) as proxy,
    ):
        got = await exchange(proxy.port(), GET * 2, eof=True)
    assert got.count(b"\r\n%s: 1\r\n" % name) == 2


async def test_every_split_of_a_request_is_the_same_request() -> None:
    echo = Echo()
    data = b"POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    async with backend(echo) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        for cut in range(1, len(data)):
            writer.write(data[:cut])
            await writer.drain()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            writer.write(data[cut:])
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200"), cut
            assert await reader.readexactly(2) == b"ok"
        writer.close()
    assert echo.bodies == [b"ab"] * (len(data) - 1)


async def test_http_10_is_answered_and_closed_where_it_is_allowed() -> None:
    options = {"accept_http_10": True, "default_host_for_http_10": "d"}
    echo = Echo(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    front = hcm(route("/", cluster="b"), http_protocol_options=options)
    async with backend(echo) as port, running(front, cluster("b", port)) as proxy:
        got = await exchange(proxy.port(), b"GET / HTTP/1.0\r\n\r\n")
    assert got.endswith(b"connection: close\r\n\r\nok")
    assert b"host: d\r\n" in echo.heads[0]


async def test_an_unread_body_ends_the_connection() -> None:
    async with running(hcm(route("/", direct_response={"status": 403}))) as proxy:
        got = await exchange(
            proxy.port(), b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        )
    assert got.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in got
