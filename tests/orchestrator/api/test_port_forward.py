"""Goal: connections reach a pod by both forms, and their ends and failures come back. Method: real loopback sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from orchestrator.api import spdy
from orchestrator.api.port_forward import SpdyForwarder, serve_channels

pytestmark = pytest.mark.integration


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """An echo that ends when its client does."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def connect(port: int) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made


class Wire:
    """A tunnel, or channels, whose client is the test."""

    def __init__(self) -> None:
        self.inwards: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.outwards: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(self) -> bytes | None:
        return await self.inwards.get()

    async def send(self, data: bytes) -> None:
        await self.outwards.put(data)


class Client:
    def __init__(self) -> None:
        self.wire = Wire()
        self.encoder, self.decoder = spdy.Encoder(), spdy.Decoder()
        self.running = asyncio.ensure_future(SpdyForwarder(self.wire, connect).run())

    async def open(self, first: int, port: int | str) -> None:
        for stream, kind in ((first, "error"), (first + 2, "data")):
            headers = {"streamtype": kind, "port": str(port), "requestid": str(first)}
            await self.wire.inwards.put(self.encoder.syn_stream(stream, headers))
        await self.wire.inwards.put(spdy.data(first, fin=True))

    async def until_fin(self, stream: int) -> bytes:
        seen = b""
        while True:
            for frame in self.decoder.feed(await asyncio.wait_for(self.wire.outwards.get(), 10)):
                if frame.type == 0 and frame.stream == stream:
                    seen += frame.payload
                    if frame.fin:
                        return seen

    async def close(self) -> None:
        await self.wire.inwards.put(None)
        await self.running


async def test_a_connection_and_its_half_close(port: int) -> None:
    client = Client()
    await client.open(1, port)
    await client.wire.inwards.put(spdy.data(3, b"hello "))
    await client.wire.inwards.put(spdy.data(3, b"there", fin=True))
    assert await client.until_fin(3) == b"hello there"
    await client.close()


async def test_a_port_where_nobody_listens() -> None:
    client = Client()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: refused for certain
        await client.open(1, bound.getsockname()[1])
        assert b"failed to connect to localhost" in await client.until_fin(1)
    await client.close()


@pytest.mark.parametrize("port", ["", "0", "65536", "x", "\u0661"])
async def test_a_bad_port_is_reset(port: str) -> None:
    client = Client()
    await client.wire.inwards.put(
        client.encoder.syn_stream(1, {"streamtype": "data", "port": port.encode().decode("latin-1"), "requestid": "0"})
    )
    (frame,) = client.decoder.feed(await client.wire.outwards.get())
    assert frame.type == spdy.RST_STREAM
    await client.close()


async def test_pings_come_back_and_nonsense_ends_it() -> None:
    client = Client()
    await client.wire.inwards.put(spdy.ping(9))
    assert await client.wire.outwards.get() == spdy.ping(9)
    await client.wire.inwards.put(b"\x80\x02" + b"\x00" * 6)
    with pytest.raises(spdy.SpdyError):
        await client.running


class Numbered:
    def __init__(self) -> None:
        self.inwards: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self.outwards: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def receive(self) -> tuple[int, bytes] | None:
        return await self.inwards.get()

    async def send(self, channel: int, data: bytes) -> None:
        await self.outwards.put((channel, data))


async def test_the_older_form(port: int) -> None:
    channels = Numbered()
    running = asyncio.ensure_future(serve_channels(channels, [port, port], connect))
    heads = [await channels.outwards.get() for _ in range(4)]
    assert heads == [(number, port.to_bytes(2, "little")) for number in range(4)]
    await channels.inwards.put((2, b"second"))
    assert await channels.outwards.get() == (2, b"second")
    await channels.inwards.put((0, b"first"))
    assert await channels.outwards.get() == (0, b"first")
    await channels.inwards.put(None)
    await running
