"""Goal: datagrams and streams are answered, and questions for outside go to the host's servers.

Method: real sockets; the "host's server" is a socket of the test on another loopback address.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

import pytest
from dnslib import QTYPE, RCODE, RR, A, DNSRecord

from mesh.kube.tasks import spawn
from orchestrator.network import dns_server
from orchestrator.network.cluster import Cluster
from orchestrator.network.dns_server import Upstream, resolve, serve_datagrams, serve_streams
from orchestrator.network.resolver import Resolver


@pytest.fixture
def resolver() -> Resolver:
    cluster = Cluster()
    meta = {"name": "cart", "namespace": "shop"}
    cluster.on_service(None, {"metadata": meta, "spec": {"clusterIP": "10.96.1.1"}})
    away = {"type": "ExternalName", "externalName": "cart.shop.svc.cluster.local"}
    cluster.on_service(None, {"metadata": {"name": "near", "namespace": "shop"}, "spec": away})
    out = {"type": "ExternalName", "externalName": "db.example.org"}
    cluster.on_service(None, {"metadata": {"name": "out", "namespace": "shop"}, "spec": out})
    return Resolver(cluster)


class Outside(Upstream):
    """Knows one name."""

    async def ask(self, request: DNSRecord) -> DNSRecord | None:
        if str(request.q.qname) != "db.example.org.":
            return None
        reply = request.reply()
        reply.add_answer(RR(request.q.qname, QTYPE.A, ttl=9, rdata=A("192.0.2.7")))
        return reply


async def test_datagrams(resolver: Resolver) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        hook = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for end in (hook, client):
            end.setblocking(False)
            end.bind(("127.0.0.1", 0))
        address = hook.getsockname()
        close = await serve_datagrams(hook, resolver, Outside())
        for name, expected in (("cart.shop.svc.cluster.local", ["10.96.1.1"]), ("db.example.org", ["192.0.2.7"])):
            question = DNSRecord.question(name)
            await loop.sock_sendto(client, question.pack(), address)
            reply = DNSRecord.parse(await asyncio.wait_for(loop.sock_recv(client, 4096), 5))
            assert reply.header.id == question.header.id
            assert [str(r.rdata) for r in reply.rr] == expected
        close()


async def test_streams_carry_many_questions(resolver: Resolver) -> None:
    hook = socket.create_server(("127.0.0.1", 0))
    address = hook.getsockname()
    serving = spawn(serve_streams(hook, resolver, Outside()), name="dns")
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(3):
        packed = DNSRecord.question("cart.shop.svc.cluster.local").pack()
        writer.write(struct.pack(">H", len(packed)) + packed)
        (length,) = struct.unpack(">H", await reader.readexactly(2))
        assert str(DNSRecord.parse(await reader.readexactly(length)).rr[0].rdata) == "10.96.1.1"
    writer.write(b"\x00\x02xx")
    assert await reader.read() == b""
    writer.close()
    serving.cancel()


@pytest.mark.parametrize(
    ("name", "answers", "code"),
    [
        ("near.shop.svc.cluster.local", ["cart.shop.svc.cluster.local.", "10.96.1.1"], RCODE.NOERROR),
        ("out.shop.svc.cluster.local", ["db.example.org.", "192.0.2.7"], RCODE.NOERROR),
        ("nowhere.example.org", [], RCODE.SERVFAIL),
    ],
)
async def test_aliases_and_failures(resolver: Resolver, name: str, answers: list[str], code: int) -> None:
    reply = await resolve(resolver, DNSRecord.question(name).pack(), Outside())
    assert reply is not None
    assert (reply.header.rcode, [str(r.rdata) for r in reply.rr]) == (code, answers)


async def test_the_hosts_servers_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question goes on under another id; an answer to another question is not believed."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setblocking(False)
        server.bind(("127.0.0.1", 0))
        monkeypatch.setattr(dns_server, "DNS_SERVER_PORT", server.getsockname()[1])
        monkeypatch.setattr(dns_server, "FORWARD_TIMEOUT_S", 0.2)
        conf = tmp_path / "resolv.conf"
        conf.write_text("# none\nnameserver ::1\nnameserver 127.0.0.1\nsearch x\n")
        upstream = Upstream(conf)
        assert upstream.servers() == ["127.0.0.1"]
        for name, believed in (("a.example.org", True), ("b.example.org", False)):
            question = DNSRecord.question("a.example.org")
            asked = spawn(upstream.ask(question), name="ask")
            data, peer = await loop.sock_recvfrom(server, 4096)
            reply = DNSRecord.question(name).reply()
            reply.header.id = DNSRecord.parse(data).header.id
            await loop.sock_sendto(server, reply.pack(), peer)
            assert (await asked is not None) is believed


async def test_no_servers_at_all(tmp_path: Path) -> None:
    assert await Upstream(tmp_path / "none").ask(DNSRecord.question("a.example.org")) is None
