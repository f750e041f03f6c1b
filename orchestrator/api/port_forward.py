"""`pods/portforward`: connections into a pod, in both forms that are carried by a WebSocket.

kubectl (1.31 and later) tunnels SPDY: a pair of streams for each connection, `data` and `error`. The Python clients use
the older form: `?ports=`, two channels a port, one connection each.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from mesh.kube.errors import ApiError
from mesh.kube.tasks import spawn
from orchestrator.api import spdy
from orchestrator.api.remote_command import Channels
from orchestrator.runtimes.base import RuntimeFailure

CONNECTIONS_MAX = 128
"""At once, of one client."""
QUEUE_FRAMES_MAX = 16
READ_BYTES = 32 << 10

Connect = Callable[[int], Awaitable[socket.socket]]


class Tunnel(Protocol):
    """The bytes of a SPDY connection; None = the client is gone."""

    async def receive(self) -> bytes | None: ...

    async def send(self, data: bytes) -> None: ...


@dataclass(slots=True)
class _Pair:
    """The two streams of one connection; `incoming` is bounded, so that a slow pod slows its client."""

    port: int
    data: int = 0
    error: int = 0
    incoming: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE_FRAMES_MAX))
    task: asyncio.Task[None] | None = None


class SpdyForwarder:
    """One client's tunnel: `run` returns when it is gone."""

    def __init__(self, tunnel: Tunnel, connect: Connect) -> None:
        self._tunnel = tunnel
        self._connect = connect
        self._encoder = spdy.Encoder()
        self._requests: dict[str, _Pair] = {}
        self._by_data: dict[int, _Pair] = {}

    async def run(self) -> None:
        """Raises `SpdyError` for a client that speaks something else."""
        decoder = spdy.Decoder()
        try:
            while (received := await self._tunnel.receive()) is not None:
                for frame in decoder.feed(received):
                    if frame.type == spdy.GOAWAY:
                        return
                    await self._handle(frame)
        finally:
            tasks = [pair.task for pair in self._requests.values() if pair.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, frame: spdy.Frame) -> None:
        if frame.type == spdy.SYN_STREAM:
            await self._open(frame)
        elif frame.type == 0:
            await self._data(frame)
        elif frame.type == spdy.PING:
            await self._tunnel.send(spdy.ping(frame.stream))
        elif frame.type == spdy.RST_STREAM and (pair := self._by_data.get(frame.stream)) and pair.task:
            pair.task.cancel()

    async def _open(self, frame: spdy.Frame) -> None:
        kind, port = frame.headers.get("streamtype"), frame.headers.get("port", "")
        request = frame.headers.get("requestid", "")
        known = self._requests.get(request)
        valid = kind in ("data", "error") and port.isascii() and port.isdigit() and len(port) <= 5
        if not valid or not 0 < int(port) < 1 << 16 or (known is None and len(self._requests) >= CONNECTIONS_MAX):
            await self._tunnel.send(spdy.rst_stream(frame.stream))
            return
        pair = known or self._requests.setdefault(request, _Pair(int(port)))
        if kind == "data":
            pair.data = frame.stream
            self._by_data[frame.stream] = pair
        else:
            pair.error = frame.stream
        await self._tunnel.send(self._encoder.syn_reply(frame.stream, {}))
        if pair.data and pair.error and pair.task is None:
            pair.task = spawn(self._forward(request, pair), name=f"port-forward {pair.port}")

    async def _data(self, frame: spdy.Frame) -> None:
        pair = self._by_data.get(frame.stream)
        if pair is not None:
            if frame.payload:
                await pair.incoming.put(frame.payload)
            if frame.fin:
                await pair.incoming.put(b"")
        if frame.payload:
            # Go's peer counts no windows, others may: what was taken is credited to the stream and to the session.
            credit = len(frame.payload)
            await self._tunnel.send(spdy.window_update(frame.stream, credit) + spdy.window_update(0, credit))

    async def _forward(self, request: str, pair: _Pair) -> None:
        async def send(data: bytes) -> None:
            await self._tunnel.send(spdy.data(pair.data, data))

        try:
            problem = await carry(self._connect, pair.port, pair.incoming.get, send)
            ending = spdy.data(pair.data, fin=True) + spdy.data(pair.error, problem.encode(), fin=True)
            with contextlib.suppress(ConnectionError):
                await self._tunnel.send(ending)
        finally:
            # Frames that are still under way find no pair and are dropped.
            self._requests.pop(request, None)
            self._by_data.pop(pair.data, None)
            while not pair.incoming.empty():
                pair.incoming.get_nowait()


async def carry(
    connect: Connect, port: int, receive: Callable[[], Awaitable[bytes]], send: Callable[[bytes], Awaitable[None]]
) -> str:
    """Carry one connection until the pod ends it; b"" from `receive` is the client's end. Returns what went wrong."""
    loop = asyncio.get_running_loop()
    try:
        connection = await connect(port)
    except ApiError as failure:
        return f"error forwarding port {port} to pod: {failure.message}"
    except (OSError, RuntimeFailure) as failure:
        return f"error forwarding port {port} to pod: failed to connect to localhost:{port} inside the pod: {failure}"

    async def inwards() -> None:
        with contextlib.suppress(OSError):
            while data := await receive():
                await loop.sock_sendall(connection, data)
            connection.shutdown(socket.SHUT_WR)

    writing = spawn(inwards(), name=f"port-forward {port} inwards")
    try:
        while data := await loop.sock_recv(connection, READ_BYTES):
            await send(data)
    except OSError:
        return ""  # the connection broke, which a TCP client sees as its end
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        connection.close()
    return ""


async def serve_channels(channels: Channels, ports: list[int], connect: Connect) -> None:
    """The older form: channel 2i is port i's data, 2i+1 its error; each begins with the port, little-endian."""
    incoming: list[asyncio.Queue[bytes]] = [asyncio.Queue(QUEUE_FRAMES_MAX) for _ in ports]
    for place, port in enumerate(ports):
        for channel in (2 * place, 2 * place + 1):
            await channels.send(channel, port.to_bytes(2, "little"))

    async def forward(place: int, port: int) -> None:
        async def send(data: bytes) -> None:
            await channels.send(2 * place, data)

        if problem := await carry(connect, port, incoming[place].get, send):
            await channels.send(2 * place + 1, problem.encode())

    async def listen() -> None:
        while (received := await channels.receive()) is not None:
            channel, data = received
            if channel % 2 == 0 and channel // 2 < len(ports):
                await incoming[channel // 2].put(data)

    client = spawn(listen(), name="port-forward client")
    tasks = [spawn(forward(place, port), name=f"port-forward {port}") for place, port in enumerate(ports)]
    try:
        everything = asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait([client, everything], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (client, *tasks):
            task.cancel()
        await asyncio.gather(client, *tasks, return_exceptions=True)
