"""The channel protocols of Kubernetes' WebSockets: each binary message begins with the number of its channel.

v4 ends a channel only by ending the connection; v5 has channel 255, whose next byte names one that is closed
(KEP-4006). v1 to v3 differ in how the outcome is reported and are refused.
"""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
SPDY_TUNNEL = "SPDY/3.1+portforward.k8s.io"
CLOSE = 255
MESSAGE_BYTES_MAX = 1 << 20
WRITE_STALL_MAX_S = 30.0


class WebSocketChannels:
    """Implements `orchestrator.api.remote_command.Channels`."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._half_close = socket.ws_protocol == V5
        self._writing = asyncio.Lock()

    async def receive(self) -> tuple[int, bytes] | None:
        while True:
            message = await self._socket.receive()
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                return None
            data = message.data if message.type == WSMsgType.BINARY else message.data.encode()
            if not data:
                continue
            if data[0] == CLOSE and self._half_close:
                return (data[1], b"") if len(data) > 1 else None
            if len(data) > 1:  # an empty message opens a channel and says nothing
                return data[0], data[1:]

    async def send(self, channel: int, data: bytes) -> None:
        """Raises `ConnectionError` for a client that is gone or does not read."""
        try:
            async with asyncio.timeout(WRITE_STALL_MAX_S), self._writing:
                await self._socket.send_bytes(bytes((channel,)) + data)
        except TimeoutError:
            raise ConnectionResetError("the client stopped reading") from None


class WebSocketTunnel:
    """Implements `orchestrator.api.port_forward.Tunnel`: the messages' bytes, one after another."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._writing = asyncio.Lock()

    async def receive(self) -> bytes | None:
        message = await self._socket.receive()
        return message.data if message.type == WSMsgType.BINARY else None

    async def send(self, data: bytes) -> None:
        """Raises `ConnectionError` for a client that is gone or does not read."""
        try:
            async with asyncio.timeout(WRITE_STALL_MAX_S), self._writing:
                await self._socket.send_bytes(data)
        except TimeoutError:
            raise ConnectionResetError("the client stopped reading") from None


def is_web_socket(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


async def accept(request: web.BaseRequest, protocols: tuple[str, ...] = (V5, V4)) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=protocols, compress=False, max_msg_size=MESSAGE_BYTES_MAX)
    await socket.prepare(request)
    return socket
