"""Cluster DNS on the wire: datagrams and streams of a pod's DNS hook, and questions forwarded to the host's servers."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import cast

from dnslib import QTYPE, RCODE, DNSError, DNSRecord

from mesh.kube.tasks import spawn
from orchestrator.network.resolver import Forward, Resolver, alias_reply, failure, fit_datagram

DNS_SERVER_PORT = 53
FORWARD_TIMEOUT_S = 2.0
STREAM_IDLE_S = 10.0
QUESTIONS_MAX = 512
"""Forwarded questions under way at once; more get no answer, and a resolver asks again."""
MESSAGE_BYTES_MAX = 65535
RESOLV_CONF = Path("/etc/resolv.conf")


class Upstream:
    """The host's name servers, read from its resolv.conf whenever a question needs them."""

    def __init__(self, path: Path = RESOLV_CONF) -> None:
        self._path = path
        self._under_way = 0

    def servers(self) -> list[str]:
        try:
            lines = self._path.read_text().splitlines()
        except OSError:
            return []
        words = (line.split() for line in lines)
        return [w[1] for w in words if len(w) > 1 and w[0] == "nameserver" and ":" not in w[1]]

    async def ask(self, request: DNSRecord) -> DNSRecord | None:
        """The first server's answer that arrives in time, by UDP and then TCP if it was cut; None = none came."""
        if self._under_way >= QUESTIONS_MAX:
            return None
        self._under_way += 1
        try:
            for server in self.servers():
                answer = await self._ask_one(server, request)
                if answer is not None:
                    return answer
        finally:
            self._under_way -= 1
        return None

    async def _ask_one(self, server: str, request: DNSRecord) -> DNSRecord | None:
        loop = asyncio.get_running_loop()
        asked = DNSRecord(q=request.q)
        asked.header.id, asked.header.rd = random.SystemRandom().randrange(1 << 16), 1
        try:
            async with asyncio.timeout(FORWARD_TIMEOUT_S):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
                    connection.setblocking(False)
                    await loop.sock_connect(connection, (server, DNS_SERVER_PORT))
                    await loop.sock_sendall(connection, asked.pack())
                    answer = DNSRecord.parse(await loop.sock_recv(connection, MESSAGE_BYTES_MAX))
                if answer.header.tc:
                    answer = await _ask_by_stream(server, asked)
        except (OSError, TimeoutError, DNSError, ValueError):
            return None
        same = answer.header.id == asked.header.id and str(answer.q.qname).lower() == str(asked.q.qname).lower()
        return answer if same else None


async def _ask_by_stream(server: str, asked: DNSRecord) -> DNSRecord:
    reader, writer = await asyncio.open_connection(server, DNS_SERVER_PORT)
    try:
        packed = asked.pack()
        writer.write(struct.pack(">H", len(packed)) + packed)
        (length,) = struct.unpack(">H", await reader.readexactly(2))
        answer: DNSRecord = DNSRecord.parse(await reader.readexactly(length))
        return answer
    finally:
        writer.close()


_upstream = Upstream()


async def resolve(resolver: Resolver, data: bytes, upstream: Upstream) -> DNSRecord | None:
    """The reply to one message, asking outside if need be; None = say nothing."""
    found = resolver.answer(data)
    if not isinstance(found, Forward):
        return found
    if not found.alias:
        outside = await upstream.ask(found.request)
        if outside is None:
            return failure(found.request, RCODE.SERVFAIL)
        outside.header.id = found.request.header.id
        return outside
    kind = QTYPE.get(found.request.q.qtype)
    target = DNSRecord.question(found.alias, kind if isinstance(kind, str) and kind in ("A", "AAAA") else "A")
    behind = resolver.answer(target.pack())
    if isinstance(behind, Forward):
        behind = None if behind.alias else await upstream.ask(target)
    return alias_reply(found.request, found.alias, behind.rr if behind else [])


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, resolver: Resolver, upstream: Upstream) -> None:
        self._resolver = resolver
        self._upstream = upstream
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own is no subclass of it

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        found = self._resolver.answer(data)
        if isinstance(found, Forward):
            spawn(self._forward(data, addr), name="dns forward")
        elif found is not None and self._transport:
            self._transport.sendto(fit_datagram(found, data), addr)

    async def _forward(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = await resolve(self._resolver, data, self._upstream)
        if reply is not None and self._transport and not self._transport.is_closing():
            self._transport.sendto(fit_datagram(reply, data), addr)


async def serve_datagrams(
    hook: socket.socket, resolver: Resolver, upstream: Upstream = _upstream
) -> Callable[[], None]:
    """Answer on a bound socket; the returned function ends it."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(resolver, upstream), sock=hook)
    return transport.close


async def serve_streams(hook: socket.socket, resolver: Resolver, upstream: Upstream = _upstream) -> None:
    """Answer on a listening socket (RFC 7766: two bytes of length before each message) until cancelled."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(STREAM_IDLE_S):
                    (length,) = struct.unpack(">H", await reader.readexactly(2))
                    data = await reader.readexactly(length)
                reply = await resolve(resolver, data, upstream)
                if reply is None:
                    return
                packed = reply.pack()
                writer.write(struct.pack(">H", len(packed)) + packed)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, sock=hook)
    async with server:
        await server.serve_forever()
