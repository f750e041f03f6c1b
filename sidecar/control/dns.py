"""The pod's name server: 127.0.0.1:15053 inside the pod, where its packets to port 53 are redirected.

Answers from the name table; forwards everything else, as it came, to the host's resolvers with an id of our own.
Questions under way and connections are bounded; what is too much is answered SERVFAIL at once rather than queued.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dnslib as untyped_dnslib

from sidecar.control.name_table import NameTable
from sidecar.net.tasks import spawn

log = logging.getLogger(__name__)
dnslib: Any = untyped_dnslib

TTL_S = 30
"""Istio's; short, because addresses of headless services change with their pods."""
FORWARD_TIMEOUT_S = 2.0
FORWARDED_MAX = 512
STREAMS_MAX = 64
STREAM_IDLE_S = 10.0
MESSAGE_BYTES_MAX = 4096
UDP_PLAIN_BYTES = 512
"""A client that does not say otherwise by EDNS takes this much (RFC 1035, 4.2.1)."""
RESOLV_CONF = Path("/etc/resolv.conf")
RESOLVERS_MAX = 3


def host_resolvers(path: Path = RESOLV_CONF) -> tuple[str, ...]:
    """The machine's name servers, at most three as in resolv.conf(5)."""
    with contextlib.suppress(OSError):
        words = [line.split() for line in path.read_text().splitlines()]
        return tuple(w[1] for w in words if len(w) > 1 and w[0] == "nameserver")[:RESOLVERS_MAX]
    return ()


class DnsServer:
    """`table` is replaced whole when a new one arrives."""

    def __init__(self, rng: random.Random, *, resolvers: Sequence[str], resolver_port: int = 53) -> None:
        self.table = NameTable()
        self._rng = rng
        self._resolvers = tuple(resolvers)
        self._resolver_port = resolver_port
        self._forwarding = 0
        self._streams = 0
        self._server: asyncio.Server | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def serve(self, datagrams: socket.socket, streams: socket.socket | None = None) -> None:
        loop = asyncio.get_running_loop()
        datagrams.setblocking(False)
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
        if streams is not None:
            streams.setblocking(False)
            self._server = await asyncio.start_server(self._serve_stream, sock=streams)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()

    def answer(self, query: bytes) -> bytes | None:
        """A reply from the table; None = to be forwarded; b"" = not a question, no reply."""
        try:
            record = dnslib.DNSRecord.parse(query)
        except (dnslib.DNSError, IndexError, ValueError, UnicodeError):
            return b""
        if record.header.qr or len(record.questions) != 1:
            return b""
        question = record.questions[0]
        name = str(question.qname).rstrip(".").lower()
        reply = record.reply(aa=1, ra=1)
        target = self.table.alias(name)
        if target is not None:
            reply.add_answer(dnslib.RR(question.qname, dnslib.QTYPE.CNAME, rdata=dnslib.CNAME(target), ttl=TTL_S))
        addresses = self.table.lookup(target or name)
        if addresses is None and target is None:
            if not NameTable.is_cluster_name(name):
                return None
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
            return _packed(reply)
        if addresses is None:
            return None  # the alias leads out of the mesh: its resolver knows all of it
        for address in self._rotated(addresses):
            self._add(reply, question, target or name, address)
        return _packed(reply)

    def _rotated(self, addresses: Sequence[str]) -> list[str]:
        """Every record, beginning anywhere: clients take the first (RFC 1794)."""
        if len(addresses) < 2:
            return list(addresses)
        start = self._rng.randrange(len(addresses))
        return [*addresses[start:], *addresses[:start]]

    def _add(self, reply: Any, question: Any, name: str, address: str) -> None:
        wanted = question.qtype
        if ":" in address:
            kind, data = dnslib.QTYPE.AAAA, dnslib.AAAA
        else:
            kind, data = dnslib.QTYPE.A, dnslib.A
        if wanted in {kind, dnslib.QTYPE.ANY}:
            reply.add_answer(dnslib.RR(name, kind, rdata=data(address), ttl=TTL_S))

    async def resolve(self, query: bytes) -> bytes:
        """A reply in any case, except to what is not a question (b"")."""
        answered = self.answer(query)
        if answered is not None:
            return answered
        name = str(dnslib.DNSRecord.parse(query).questions[0].qname).rstrip(".").lower()
        target = self.table.alias(name)
        if self._forwarding >= FORWARDED_MAX:
            return failure(query)
        self._forwarding += 1
        try:
            if target is not None:
                return await self._follow_alias(query, target)
            return await self._forward(query)
        finally:
            self._forwarding -= 1

    async def _forward(self, query: bytes) -> bytes:
        for resolver in self._resolvers:
            with contextlib.suppress(OSError, TimeoutError):
                return await ask(resolver, self._resolver_port, query, self._rng)
        return failure(query)

    async def _follow_alias(self, query: bytes, target: str) -> bytes:
        """CNAME to a name outside: the record, and what the resolvers say about its target."""
        record = dnslib.DNSRecord.parse(query)
        question = record.questions[0]
        inner = dnslib.DNSRecord(q=dnslib.DNSQuestion(target, question.qtype))
        found = dnslib.DNSRecord.parse(await self._forward(inner.pack()))
        reply = record.reply(aa=0, ra=1)
        reply.header.rcode = found.header.rcode
        reply.add_answer(dnslib.RR(question.qname, dnslib.QTYPE.CNAME, rdata=dnslib.CNAME(target), ttl=TTL_S))
        reply.add_answer(*found.rr)
        return _packed(reply)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """RFC 7766: messages with a two-byte length, several a connection."""
        if self._streams >= STREAMS_MAX:
            writer.close()
            return
        self._streams += 1
        try:
            while True:
                async with asyncio.timeout(STREAM_IDLE_S):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    query = await reader.readexactly(min(length, MESSAGE_BYTES_MAX))
                reply = await self.resolve(query)
                if not reply:
                    return
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            self._streams -= 1
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if len(data) > MESSAGE_BYTES_MAX:
            return
        answered = self._server.answer(data)
        if answered is None:
            spawn(self._later(data, addr), name="dns-forward")
        elif answered:
            self._transport.sendto(fitted(data, answered), addr)

    async def _later(self, query: bytes, address: Any) -> None:
        reply = await self._server.resolve(query)
        if reply and not self._transport.is_closing():
            self._transport.sendto(fitted(query, reply), address)


async def ask(resolver: str, port: int, query: bytes, rng: random.Random) -> bytes:
    """One question by UDP under a fresh id and port; the reply carries the asker's id again. TimeoutError, OSError."""
    loop = asyncio.get_running_loop()
    number = rng.getrandbits(16).to_bytes(2, "big")
    family = socket.AF_INET6 if ":" in resolver else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as channel:
        channel.setblocking(False)
        channel.connect((resolver, port))
        await loop.sock_sendall(channel, number + query[2:])
        async with asyncio.timeout(FORWARD_TIMEOUT_S):
            while True:
                reply = await loop.sock_recv(channel, 65535)
                if reply[:2] == number and len(reply) >= 12:
                    return query[:2] + reply[2:]


def fitted(query: bytes, reply: bytes) -> bytes:
    """What fits the client's datagram; else a truncated reply, which makes it ask again by TCP."""
    limit = UDP_PLAIN_BYTES
    if len(reply) <= limit:
        return reply
    record = dnslib.DNSRecord.parse(query)
    for extra in record.ar:
        if extra.rtype == dnslib.QTYPE.OPT:
            limit = max(limit, min(extra.edns_len, MESSAGE_BYTES_MAX))
    if len(reply) <= limit:
        return reply
    cut = record.reply(ra=1)
    cut.header.tc = 1
    return _packed(cut)


def failure(query: bytes) -> bytes:
    reply = dnslib.DNSRecord.parse(query).reply(ra=1)
    reply.header.rcode = dnslib.RCODE.SERVFAIL
    return _packed(reply)


def _packed(record: Any) -> bytes:
    return bytes(record.pack())
