"""Goal: names are answered as the Kubernetes DNS specification says. Method: a table of questions and answers."""

from __future__ import annotations

from typing import Any

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, A, DNSHeader, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.network.cluster import Cluster
from orchestrator.network.resolver import Forward, Resolver, alias_reply, fit_datagram


def service(name: str, **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80}]
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"clusterIP": "None", "ports": ports, **spec}}


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    cluster = Cluster()
    cluster.on_service(None, service("cart", clusterIP="10.96.1.1"))
    cluster.on_service(None, service("db"))
    cluster.on_service(None, service("empty"))
    cluster.on_service(None, service("away", type="ExternalName", externalName="db.example.org"))
    endpoints = [
        {"addresses": ["10.244.0.2"], "hostname": "db-0"},
        {"addresses": ["10.244.0.3"]},
        {"addresses": ["10.244.0.4"], "conditions": {"ready": False}},
    ]
    labels = {"kubernetes.io/service-name": "db"}
    meta = {"name": "db-1", "namespace": "shop", "labels": labels}
    cluster.on_slice(None, {"metadata": meta, "endpoints": endpoints, "ports": [{"name": "http", "port": 5432}]})
    return Resolver(cluster)


def ask(resolver: Resolver, name: str, kind: str = "A") -> DNSRecord | Forward | None:
    return resolver.answer(DNSRecord.question(name, kind).pack())


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("cart.shop.svc.cluster.local", ["10.96.1.1"]),
        ("CART.Shop.SVC.cluster.LOCAL", ["10.96.1.1"]),
        ("db.shop.svc.cluster.local", ["10.244.0.2", "10.244.0.3"]),
        ("db-0.db.shop.svc.cluster.local", ["10.244.0.2"]),
        ("10-244-0-3.db.shop.svc.cluster.local", ["10.244.0.3"]),
        ("empty.shop.svc.cluster.local", []),
        ("10-244-0-9.shop.pod.cluster.local", ["10.244.0.9"]),
        ("shop.svc.cluster.local", []),
        ("svc.cluster.local", []),
        ("cluster.local", []),
    ],
)
def test_names_that_exist(resolver: Resolver, name: str, addresses: list[str]) -> None:
    reply = ask(resolver, name)
    assert isinstance(reply, DNSRecord)
    assert (reply.header.rcode, reply.header.aa) == (RCODE.NOERROR, 1)
    assert [str(record.rdata) for record in reply.rr] == addresses
    six = ask(resolver, name, "AAAA")
    assert isinstance(six, DNSRecord) and six.header.rcode == RCODE.NOERROR and not six.rr


@pytest.mark.parametrize(
    "name",
    [
        "none.shop.svc.cluster.local", "cart.other.svc.cluster.local", "other.svc.cluster.local", "x.cluster.local",
        "db-9.db.shop.svc.cluster.local", "a.b.db.shop.svc.cluster.local", "example.com.shop.svc.cluster.local",
        "1-2-3.shop.pod.cluster.local", "x.away.shop.svc.cluster.local", "_no._tcp.cart.shop.svc.cluster.local",
    ],
)  # fmt: skip
def test_names_that_do_not(resolver: Resolver, name: str) -> None:
    reply = ask(resolver, name)
    assert isinstance(reply, DNSRecord)
    assert reply.header.rcode == RCODE.NXDOMAIN and [r.rtype for r in reply.auth] == [QTYPE.SOA]


def test_ports(resolver: Resolver) -> None:
    reply = ask(resolver, "_http._tcp.cart.shop.svc.cluster.local", "SRV")
    assert isinstance(reply, DNSRecord)
    assert [str(r.rdata) for r in reply.rr] == ["0 100 80 cart.shop.svc.cluster.local."]
    reply = ask(resolver, "_http._tcp.db.shop.svc.cluster.local", "SRV")
    assert isinstance(reply, DNSRecord)
    assert {(r.rdata.port, str(r.rdata.target)) for r in reply.rr} == {
        (5432, "db-0.db.shop.svc.cluster.local."),
        (5432, "10-244-0-3.db.shop.svc.cluster.local."),
    }


def test_what_is_for_outside(resolver: Resolver) -> None:
    for name in ("example.com", "cluster.local.example.com", "notcluster.local"):
        found = ask(resolver, name)
        assert isinstance(found, Forward) and not found.alias
    away = ask(resolver, "away.shop.svc.cluster.local")
    assert isinstance(away, Forward) and away.alias == "db.example.org"
    reply = alias_reply(away.request, away.alias, [RR("db.example.org", QTYPE.A, ttl=5, rdata=A("192.0.2.7"))])
    assert [str(r.rdata) for r in reply.rr] == ["db.example.org.", "192.0.2.7"]


def test_what_is_no_question(resolver: Resolver) -> None:
    assert resolver.answer(b"") is None
    assert resolver.answer(DNSRecord(DNSHeader(qr=1), q=DNSRecord.question("a").q).pack()) is None
    update = resolver.answer(DNSRecord(DNSHeader(opcode=5), q=DNSRecord.question("a.cluster.local").q).pack())
    assert isinstance(update, DNSRecord) and update.header.rcode == RCODE.NOTIMP


@given(st.binary(max_size=80))
def test_any_datagram_is_survived(data: bytes) -> None:
    Resolver(Cluster()).answer(data)


def test_a_long_answer_is_cut_to_what_the_asker_takes() -> None:
    plain = DNSRecord.question("db.shop.svc.cluster.local")
    wide = DNSRecord.question("db.shop.svc.cluster.local")
    wide.add_ar(EDNS0(udp_len=4096))
    reply = alias_reply(plain, "x", [RR("x", QTYPE.A, rdata=A(f"10.244.0.{n}")) for n in range(60)])
    cut = DNSRecord.parse(fit_datagram(reply, plain.pack()))
    assert cut.header.tc == 1 and len(cut.pack()) <= 512
    assert DNSRecord.parse(fit_datagram(reply, wide.pack())).header.tc == 0
