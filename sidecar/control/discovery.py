"""Talking to the control plane: HTTP/1.1 over TLS whose server is `istiod.istio-system.svc` under the mesh's own root.

A deliberately small client: one connection a request, bounded answers, and one full-duplex chunked exchange for the
configuration stream. The peer is our own control plane and proven by its certificate before a byte of HTTP is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SERVER_NAME = "istiod.istio-system.svc"
CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 10.0
HEAD_BYTES_MAX = 32 << 10
BODY_BYTES_MAX = 4 << 20
CHUNK_BYTES_MAX = 64 << 20
LINE_BYTES_MAX = 64 << 20
"""One DeltaDiscoveryResponse: tens of thousands of endpoints."""
READ_BYTES = 64 << 10


class DiscoveryError(Exception):
    """The control plane could not be reached, is not who it must be, or does not speak HTTP."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def describe(self) -> str:
        return f"{self.status} {self.body[:300].decode('utf-8', 'replace')}"


class Discovery:
    """`address` host:port. `identify` swaps in a context that carries the workload's certificate."""

    def __init__(self, address: str, root_file: Path) -> None:
        host, _, port = address.rpartition(":")
        self.host = host.strip("[]")
        self.port = int(port)
        self._root_file = root_file
        self._identified: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Trusts the mesh's root only; a bare context, because loading the system's bundle costs 24 ms."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cadata=self._root_file.read_text())
        except (OSError, ssl.SSLError) as error:
            raise DiscoveryError(f"{self._root_file}: {error}") from None
        return context

    def identify(self, chain_file: str, key_file: str) -> None:
        context = self.context()
        context.load_cert_chain(chain_file, key_file)
        self._identified = context

    async def connect(self, context: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await asyncio.open_connection(
                    self.host,
                    self.port,
                    ssl=context or self._identified or self.context(),
                    server_hostname=SERVER_NAME,
                    limit=HEAD_BYTES_MAX,
                )
        except (OSError, TimeoutError, ssl.SSLError) as error:
            raise DiscoveryError(f"{self.host}:{self.port}: {error or type(error).__name__}") from None

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        token: str = "",
        anonymous: bool = False,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> Reply:
        """One request. `anonymous` = without the client certificate even if there is one."""
        reader, writer = await self.connect(self.context() if anonymous else None)
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {SERVER_NAME}\r\nContent-Type: application/json\r\n{authorization}"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        try:
            async with asyncio.timeout(timeout_s):
                writer.write(head.encode() + body)
                status, headers = await read_head(reader)
                content = bytearray()
                async for part in read_body(reader, headers):
                    content += part
                    if len(content) > BODY_BYTES_MAX:
                        raise DiscoveryError(f"{path}: the answer is longer than {BODY_BYTES_MAX} bytes")
                return Reply(status, headers, bytes(content))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            raise DiscoveryError(f"{path}: {error or type(error).__name__}") from None
        finally:
            close(writer)

    async def duplex(self, path: str) -> Duplex:
        reader, writer = await self.connect()
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: {SERVER_NAME}\r\nContent-Type: application/x-ndjson\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        return Duplex(reader, writer)


class Duplex:
    """A request that is still being written while its answer is read: lines both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, line: bytes) -> None:
        self._writer.write(b"%x\r\n%s\n\r\n" % (len(line) + 1, line))
        await self._writer.drain()

    async def lines(self) -> AsyncIterator[bytes]:
        """Raises DiscoveryError when the stream is refused or breaks; ends when the peer ends it."""
        try:
            status, headers = await read_head(self._reader)
            rest = bytearray()
            if status != 200:
                async for part in read_body(self._reader, headers):
                    rest += part[: BODY_BYTES_MAX - len(rest)]
                raise DiscoveryError(Reply(status, headers, bytes(rest)).describe())
            async for part in read_body(self._reader, headers):
                rest += part
                if b"\n" in part:
                    *lines, last = rest.split(b"\n")
                    rest = last
                    for line in lines:
                        if line:
                            yield bytes(line)
                if len(rest) > LINE_BYTES_MAX:
                    raise DiscoveryError(f"a line is longer than {LINE_BYTES_MAX} bytes")
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise DiscoveryError(f"the stream broke: {error or type(error).__name__}") from None

    def close(self) -> None:
        close(self._writer)


def close(writer: asyncio.StreamWriter) -> None:
    """At once: nobody waits for the peer's close_notify."""
    with contextlib.suppress(Exception):
        writer.transport.abort()


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers (lower-case names). ValueError for what is not a response."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError:
        raise ValueError(f"a response head longer than {HEAD_BYTES_MAX} bytes") from None
    status_line, *lines = head[:-4].split("\r\n")
    words = status_line.split(" ", 2)
    if not words[0].startswith("HTTP/1.") or len(words) < 2 or not words[1].isdecimal():
        raise ValueError(f"not an HTTP/1 response: {status_line[:80]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(words[1]), headers


async def read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := await _chunk_size(reader):
            while size:
                part = await reader.read(min(size, READ_BYTES))
                if not part:
                    raise asyncio.IncompleteReadError(b"", size)
                size -= len(part)
                yield part
            await reader.readexactly(2)
        await reader.readexactly(2)
        return
    remaining = int(headers["content-length"]) if "content-length" in headers else None
    while remaining is None or remaining > 0:
        part = await reader.read(READ_BYTES if remaining is None else min(remaining, READ_BYTES))
        if not part:
            if remaining:
                raise asyncio.IncompleteReadError(b"", remaining)
            return
        remaining = None if remaining is None else remaining - len(part)
        yield part


async def _chunk_size(reader: asyncio.StreamReader) -> int:
    line = (await reader.readline()).strip()
    size = int(line.partition(b";")[0], 16)
    if not 0 <= size <= CHUNK_BYTES_MAX:
        raise ValueError(f"chunk size {line[:20]!r}")
    return size
