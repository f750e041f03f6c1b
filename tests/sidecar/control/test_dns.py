"""A real server on loopback, asked by datagrams and streams, with a real resolver behind it."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dnslib
import pytest

from sidecar.control import dns as module
from sidecar.control.dns import DnsServer, host_resolvers
from sidecar.control.name_table import NameTable

TABLE = {
    "reviews.default.svc.cluster.local": {"ips": ["10.96.0.7"], "shortname": "reviews", "namespace": "default"},
    "many.default.svc.cluster.local": {"ips": [f"10.244.0.{n}" for n in range(60)]},
    "alias.default.svc.cluster.local": {"ips": [], "cname": "outside.example"},
}


class Resolver(asyncio.DatagramProtocol):
    """Answers every A question with 192.0.2.1."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        record = dnslib.DNSRecord.parse(data)
        reply = record.reply()
        reply.add_answer(dnslib.RR(record.q.qname, rdata=dnslib.A("192.0.2.1")))
        self.transport.sendto(reply.pack(), addr)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    resolver, _ = await loop.create_datagram_endpoint(Resolver, local_addr=("127.0.0.1", 0))
    server = DnsServer(random.Random(1), resolvers=["127.0.0.1"], resolver_port=resolver.get_extra_info("sockname")[1])
    server.table = NameTable(TABLE, namespace="default")
    streams = socket.create_server(("127.0.0.1", 0))
    number: int = streams.getsockname()[1]
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", number))
    await server.serve(datagrams, streams)
    yield number
    server.close()
    resolver.close()


async def ask(port: int, name: str, kind: str = "A", *, edns: int = 0, raw: bytes = b"") -> Any:
    loop = asyncio.get_running_loop()
    query = dnslib.DNSRecord.question(name, kind)
    if edns:
        query.add_ar(dnslib.EDNS0(udp_len=edns))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect(("127.0.0.1", port))
        await loop.sock_sendall(client, raw or query.pack())
        async with asyncio.timeout(10):
            reply = dnslib.DNSRecord.parse(await loop.sock_recv(client, 65535))
    assert reply.header.id == query.header.id
    return reply


def addresses(reply: Any) -> list[str]:
    return [str(record.rdata) for record in reply.rr]


async def test_mesh_name(port: int) -> None:
    reply = await ask(port, "Reviews.default.svc.cluster.local")
    assert addresses(reply) == ["10.96.0.7"]
    assert reply.rr[0].ttl == 30


async def test_no_ipv6_is_an_empty_answer(port: int) -> None:
    reply = await ask(port, "reviews.default.svc.cluster.local", "AAAA")
    assert (addresses(reply), reply.header.rcode) == ([], dnslib.RCODE.NOERROR)


async def test_unknown_cluster_name_does_not_exist(port: int) -> None:
    assert (await ask(port, "example.com.default.svc.cluster.local")).header.rcode == dnslib.RCODE.NXDOMAIN


async def test_other_names_are_forwarded(port: int) -> None:
    assert addresses(await ask(port, "www.example.com")) == ["192.0.2.1"]


async def test_external_name(port: int) -> None:
    assert addresses(await ask(port, "alias.default.svc.cluster.local")) == ["outside.example.", "192.0.2.1"]


async def test_long_answers(port: int) -> None:
    assert (await ask(port, "many.default.svc.cluster.local")).header.tc == 1
    whole = await ask(port, "many.default.svc.cluster.local", edns=4096)
    assert (len(whole.rr), whole.header.tc) == (60, 0)


async def test_streams(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for name in ("reviews.default.svc.cluster.local", "many.default.svc.cluster.local"):
        query = dnslib.DNSRecord.question(name).pack()
        writer.write(len(query).to_bytes(2, "big") + query)
        async with asyncio.timeout(10):
            length = int.from_bytes(await reader.readexactly(2), "big")
            reply = dnslib.DNSRecord.parse(await reader.readexactly(length))
        assert len(reply.rr) == len(TABLE[name]["ips"])  # type: ignore[arg-type]
    writer.close()


@pytest.mark.parametrize("garbage", [b"\x00", b"x" * 40, b"\xff" * 12, b"\x00\x01\x80\x00" + b"\x00" * 8])
async def test_garbage_is_not_answered_and_does_not_stop_it(port: int, garbage: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(garbage, ("127.0.0.1", port))
    assert addresses(await ask(port, "reviews")) == ["10.96.0.7"]


async def test_silent_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORWARD_TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = DnsServer(random.Random(), resolvers=["127.0.0.1"], resolver_port=silent.getsockname()[1])
        reply = dnslib.DNSRecord.parse(await server.resolve(dnslib.DNSRecord.question("example.com").pack()))
    assert reply.header.rcode == dnslib.RCODE.SERVFAIL


def test_host_resolvers(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("# comment\nsearch x\nnameserver 192.0.2.1\nnameserver ::1\nnameserver 3\nnameserver 4\n")
    assert host_resolvers(path) == ("192.0.2.1", "::1", "3")
    assert host_resolvers(tmp_path / "missing") == ()
