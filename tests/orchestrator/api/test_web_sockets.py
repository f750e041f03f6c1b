"""Goal: channel numbers, half-close and refusals as the protocols have them. Method: aiohttp, client and server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.test_utils import RawTestServer

from orchestrator.api import web_sockets
from orchestrator.api.web_sockets import V4, V5, WebSocketChannels

pytestmark = pytest.mark.integration


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that sends back what it received, as `channel` then the bytes, on channel 1."""

    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        assert web_sockets.is_web_socket(request)
        socket = await web_sockets.accept(request)
        channels = WebSocketChannels(socket)
        while (received := await channels.receive()) is not None:
            await channels.send(1, bytes((received[0],)) + received[1])
        await socket.close()
        return socket

    server = RawTestServer(echo)
    await server.start_server()
    yield str(server.make_url("/"))
    await server.close()


CASES = [
    (V5, b"\x00abc", b"\x01\x00abc"),
    (V5, b"\xff\x00", b"\x01\x00"),
    (V4, b"\xff\x00", b"\x01\xff\x00"),
    (V5, b"\xff", None),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "sent", "expected"), CASES)
async def test_messages(url: str, protocol: str, sent: bytes, expected: bytes | None) -> None:
    async with ClientSession() as client, client.ws_connect(url, protocols=(protocol,)) as socket:
        assert socket.protocol == protocol
        await socket.send_bytes(b"")
        await socket.send_bytes(b"\x00")  # both open channels and say nothing
        await socket.send_bytes(sent)
        answer = await socket.receive()
        assert (answer.data if answer.type == WSMsgType.BINARY else None) == expected
