"""The client of the control plane against a real TLS server: whom it trusts, what it reads, what it refuses."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from sidecar.control.discovery import SERVER_NAME, Discovery, DiscoveryError

AUTHORITY = trustme.CA()


@asynccontextmanager
async def server(
    answer: bytes | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    directory: Path,
    *,
    name: str = SERVER_NAME,
    authority: trustme.CA = AUTHORITY,
) -> AsyncIterator[Discovery]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if isinstance(answer, bytes):
            writer.write(answer)
        else:
            await answer(reader, writer)
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    (directory / "root.pem").write_bytes(AUTHORITY.cert_pem.bytes())
    yield Discovery(f"127.0.0.1:{listener.sockets[0].getsockname()[1]}", directory / "root.pem")
    listener.close()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 503 No\r\n\r\nuntil the end", 503, b"until the end"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", 200, b"abcde"),
    ],
)
async def test_answers(tmp_path: Path, answer: bytes, status: int, body: bytes) -> None:
    async with server(answer, tmp_path) as discovery:
        reply = await discovery.post("/x", b"{}")
        assert (reply.status, reply.body) == (status, body)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n" + b"x" * 5_000_000,
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 40_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_answer(tmp_path: Path, answer: bytes) -> None:
    async with server(answer, tmp_path) as discovery:
        with pytest.raises(DiscoveryError):
            await discovery.post("/x", b"{}")


async def test_only_the_mesh_root_and_istiod_are_trusted(tmp_path: Path) -> None:
    good = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    async with server(good, tmp_path, name="other.example") as discovery:
        with pytest.raises(DiscoveryError, match="CERTIFICATE_VERIFY_FAILED"):
            await discovery.post("/x", b"")
    async with server(good, tmp_path, authority=trustme.CA()) as discovery:
        with pytest.raises(DiscoveryError, match="CERTIFICATE_VERIFY_FAILED"):
            await discovery.post("/x", b"")


async def test_nobody_there_and_no_root(tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match=r"root\.pem"):
        await Discovery("127.0.0.1:1", tmp_path / "root.pem").post("/x", b"")
    (tmp_path / "root.pem").write_bytes(AUTHORITY.cert_pem.bytes())
    with pytest.raises(DiscoveryError):
        await Discovery("127.0.0.1:1", tmp_path / "root.pem").post("/x", b"")


async def test_duplex(tmp_path: Path) -> None:
    """Lines both ways at once, cut anywhere."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        size = int(await reader.readline(), 16)
        payload = await reader.readexactly(size)
        for part in (payload[:1], payload[1:] + payload, b"torn"):
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await writer.drain()

    async with server(echo, tmp_path) as discovery:
        stream = await discovery.duplex("/v3/ads")
        await stream.send(b'{"a":1}')
        received = []
        with pytest.raises(DiscoveryError, match="stream broke"):
            async for line in stream.lines():
                received += [line]
        assert received == [b'{"a":1}', b'{"a":1}']
        stream.close()


async def test_duplex_refused(tmp_path: Path) -> None:
    async with server(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nwhy", tmp_path) as discovery:
        stream = await discovery.duplex("/v3/ads")
        with pytest.raises(DiscoveryError, match="403 why"):
            [line async for line in stream.lines()]
