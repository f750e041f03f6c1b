"""A small HTTP/1.1 server for what steers a proxy (admin, health): one request a connection, everything bounded.

Not for traffic: that is the engine's. Handlers are ordinary functions, or coroutines where they must wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

log = logging.getLogger(__name__)

HEAD_BYTES_MAX = 16 << 10
BODY_BYTES_MAX = 64 << 10
CONNECTIONS_MAX = 64
REQUEST_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """`host` is the Host header's value, "" if absent. `query` keeps the last value of a name."""

    method: str
    path: str
    query: Mapping[str, str]
    host: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], "Response | Awaitable[Response]"]


def text(body: str, status: int = 200) -> Response:
    return Response(status, body.encode())


def json_reply(value: Any) -> Response:
    """Indented by one blank, as Envoy prints its JSON."""
    return Response(200, (json.dumps(value, indent=1) + "\n").encode(), "application/json")


class HttpServer:
    """Serves `handler` on any number of listening sockets."""

    def __init__(self, handler: Handler, *, name: str) -> None:
        self._handler = handler
        self._name = name
        self._servers: list[asyncio.Server] = []
        self._active = 0

    async def listen(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        if sock.family == socket.AF_UNIX:
            server = await asyncio.start_unix_server(self._serve, sock=sock, limit=HEAD_BYTES_MAX)
        else:
            server = await asyncio.start_server(self._serve, sock=sock, limit=HEAD_BYTES_MAX)
        self._servers.append(server)

    def close(self) -> None:
        for server in self._servers:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._active >= CONNECTIONS_MAX:
            writer.close()
            return
        self._active += 1
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                request = await read_request(reader)
            response = request if isinstance(request, Response) else await self._answer(request)
            head_only = isinstance(request, Request) and request.method == "HEAD"
            writer.write(encode(response, head_only=head_only))
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            self._active -= 1
            with contextlib.suppress(Exception):
                writer.close()

    async def _answer(self, request: Request) -> Response:
        try:
            found = self._handler(request)
            return found if isinstance(found, Response) else await found
        except Exception:  # one broken page must not end the proxy
            log.exception("%s: %s %s", self._name, request.method, request.path)
            return text("internal error\n", 500)


async def read_request(reader: asyncio.StreamReader) -> Request | Response:
    """A request, or what to answer to bytes that are none."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError:
        return text("request header too large\n", 400)
    request_line, *lines = head[:-4].split("\r\n")
    words = request_line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        return text("bad request\n", 400)
    headers = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if not separator or name != name.strip():
            return text("bad request\n", 400)
        headers[name.lower()] = value.strip(" \t")
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        return text("bad request\n", 400)
    body = await reader.readexactly(int(length))
    path, _, query = words[1].partition("?")
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return Request(words[0], unquote(path), pairs, headers.get("host", ""), body)


def encode(response: Response, *, head_only: bool = False) -> bytes:
    head = (
        f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}\r\n"
        f"content-type: {response.content_type}\r\ncontent-length: {len(response.body)}\r\n"
        "cache-control: no-cache, max-age=0\r\nx-content-type-options: nosniff\r\nconnection: close\r\n"
    )
    head += "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    return head.encode("latin-1") + b"\r\n" + (b"" if head_only else response.body)


def tcp_listener(host: str, port: int) -> socket.socket:
    """A listening TCP socket of our own network; OSError says what is in the way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.listen(CONNECTIONS_MAX)
    return sock


def unix_listener(path: Path) -> socket.socket:
    """Readable by its owner only; takes the place of an older socket at once."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        sock.bind(str(temporary))
    finally:
        os.umask(previous)
    sock.listen(16)
    temporary.replace(path)
    return sock
