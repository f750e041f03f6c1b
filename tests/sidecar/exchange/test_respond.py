"""Responses that are late, long or marked: streaming, idle streams, cross-origin marks, route edits."""

from __future__ import annotations

import asyncio

import pytest

from tests.sidecar.engines import Echo, answer, backend, call, cluster, hcm, route, running

pytestmark = pytest.mark.integration
CORS = "type.googleapis.com/envoy.extensions.filters.http.cors.v3."


async def test_a_stream_may_last_longer_than_the_route_timeout_once_it_answered() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
        for byte in (b"a", b"b", b"c", b"d"):
            await asyncio.sleep(0.05)
            writer.write(byte)
            await writer.drain()

    front = hcm(route("/", cluster="b", timeout="0.1s"))
    async with backend(drip) as port, running(front, cluster("b", port)) as proxy:
        status, _, body = await call(proxy.port())
    assert (status, body) == (200, b"abcd")


async def test_a_stalled_response_is_cut() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\na")
        await reader.read()

    front = hcm(route("/", cluster="b", idle_timeout="0.1s"))
    async with backend(stall) as port, running(front, cluster("b", port)) as proxy:
        with pytest.raises(ConnectionResetError):
            await call(proxy.port())
        assert (await proxy.records.last()).flags == "SI"


async def test_route_edits_on_responses_and_local_replies() -> None:
    one = route("/", cluster="b")
    one["response_headers_to_add"] = [{"header": {"key": "x-added", "value": "1"}}]
    one["response_headers_to_remove"] = ["x-gone"]
    two = {**one, "match": {"prefix": "/dead"}, "route": {"cluster": "dead"}}
    async with (
        backend(Echo(answer(b"", extra=b"x-gone: 1\r\n"))) as port,
        running(hcm(two, one), cluster("b", port), cluster("dead")) as proxy,
    ):
        for path in ("/", "/dead"):
            _, head, _ = await call(proxy.port(), path)
            assert b"\r\nx-added: 1" in head
            assert b"x-gone" not in head


async def test_cross_origin_requests() -> None:
    policy = {
        "@type": CORS + "CorsPolicy",
        "allow_origin_string_match": [{"exact": "https://a.test"}],
        "allow_methods": "GET",
    }
    one = {**route("/", cluster="b"), "typed_per_filter_config": {"envoy.filters.http.cors": policy}}
    cors = {"name": "envoy.filters.http.cors", "typed_config": {"@type": CORS + "Cors"}}
    async with backend(Echo()) as port, running(hcm(one, filters=(cors,)), cluster("b", port)) as proxy:
        asked = "origin: https://a.test\r\naccess-control-request-method: GET\r\n"
        status, head, _ = await call(proxy.port(), method="OPTIONS", headers=asked)
        assert (status, b"access-control-allow-methods: GET" in head) == (200, True)
        _, head, body = await call(proxy.port(), headers="origin: https://a.test\r\n")
        assert (body, b"access-control-allow-origin: https://a.test" in head) == (b"ok", True)
        assert b"access-control" not in (await call(proxy.port(), headers="origin: https://b.test\r\n"))[1]
