"""Which codec serves: by configuration, by first bytes, however they are cut, and by ALPN."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.protocol import http2_frames as frames
from sidecar.protocol.http2_settings import settings_frame
from tests.sidecar.engines import GET, WAIT_S, exchange, hcm, route, running
from tests.support.http2 import GET as HTTP2_GET
from tests.support.http2 import headers

pytestmark = pytest.mark.integration
HTTP2 = frames.PREFACE + settings_frame({}) + headers(1, HTTP2_GET)
OK = route("/", direct_response={"status": 200, "body": {"inline_string": "hi"}})


@pytest.mark.parametrize("cut", [0, 1, 3, 14, 23, 24, 30])
async def test_first_bytes_decide(cut: int) -> None:
    async with running(hcm(OK)) as proxy:
        for data, sign in ((HTTP2, b"\x00\x01\x00\x00\x00\x01hi"), (GET, b"HTTP/1.1 200 OK\r\n")):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
            writer.write(data[:cut])
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(data[cut:])
            writer.write_eof()
            assert sign in await asyncio.wait_for(reader.read(), WAIT_S)
            writer.close()
        assert proxy.value("http.t.downstream_cx_total") == 2
        assert proxy.value("http.t.downstream_cx_active") == 0


async def test_something_that_only_begins_like_the_preface_is_http1() -> None:
    async with running(hcm(OK)) as proxy:
        assert (await exchange(proxy.port(), b"PRI /x HTTP/1.1\r\nhost: a\r\n\r\n", eof=True)).startswith(
            b"HTTP/1.1 200"
        )
        assert await exchange(proxy.port(), b"PRI * HT", eof=True) == b""


async def test_configured_codecs_speak_nothing_else() -> None:
    async with running(hcm(OK, codec_type="HTTP1")) as proxy:
        assert (await exchange(proxy.port(), HTTP2)).startswith(b"HTTP/1.1 505")
    async with running(hcm(OK, codec_type="HTTP2")) as proxy:
        assert frames.goaway(0, frames.PROTOCOL_ERROR)[9:] in await exchange(proxy.port(), GET)
