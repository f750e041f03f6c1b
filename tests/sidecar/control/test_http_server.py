"""The small server over real sockets: what it reads, what it refuses, and its bounds."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.control import http_server as module
from sidecar.control.http_server import HttpServer, Request, Response, tcp_listener, text, unix_listener


async def waits(request: Request) -> Response:
    await asyncio.sleep(0)
    return text("waited")


def handle(request: Request) -> Response:
    if request.path == "/raise":
        raise RuntimeError("broken page")
    return text(f"{request.method} {request.path} {dict(request.query)} {request.host} {request.body.decode()}")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = HttpServer(lambda r: waits(r) if r.path == "/wait" else handle(r), name="test")
    sock = tcp_listener("127.0.0.1", 0)
    await server.listen(sock)
    yield sock.getsockname()[1]
    server.close()


async def exchange(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("request_bytes", "status", "body"),
    [
        (b"GET /a?x=1&y HTTP/1.1\r\nHost: h\r\n\r\n", b"200 OK", b"GET /a {'x': '1', 'y': ''} h "),
        (b"POST /a%20b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", b"200 OK", b"POST /a b {}  hi"),
        (b"GET /wait HTTP/1.1\r\n\r\n", b"200 OK", b"waited"),
        (b"HEAD /a HTTP/1.1\r\n\r\n", b"200 OK", b""),
        (b"GET /raise HTTP/1.1\r\n\r\n", b"500 Internal Server Error", b"internal error\n"),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", b"400 Bad Request", b"bad request\n"),
        (b"GET /\r\n\r\n", b"400 Bad Request", b"bad request\n"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400 Bad Request", b"bad request\n"),
        (b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"400 Bad Request", b"bad request\n"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400 Bad Request", b"bad request\n"),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", b"400 Bad Request", b"bad request\n"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 40_000 + b"\r\n\r\n", b"400", b"request header too large\n"),
    ],
)
async def test_exchange(port: int, request_bytes: bytes, status: bytes, body: bytes) -> None:
    answer = await exchange(port, request_bytes)
    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert content == body


async def test_silence_is_cut(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_S", 0.05)
    assert await exchange(port, b"GET / HT") == b""


async def test_too_many(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTIONS_MAX", 0)
    assert await exchange(port, b"") == b""


async def test_unix_listener_is_private_and_takes_over(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    servers = []
    for word in ("old", "new"):
        server = HttpServer(lambda _, word=word: text(word), name="test")
        await server.listen(unix_listener(path))
        servers.append(server)
    assert path.stat().st_mode & 0o777 == 0o600
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.read()).endswith(b"new")
    writer.close()
    for server in servers:
        server.close()


def test_port_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        tcp_listener("127.0.0.1", taken.getsockname()[1])
