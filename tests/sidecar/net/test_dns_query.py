"""Our own DNS questions: what is believed of an answer, and a name server that answers as it likes."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import dnslib
import pytest

from sidecar.net import dns_query
from sidecar.net.dns_query import Records, ask, listed, question, records, servers

RESOLV = "# comment\nsearch a b\nnameserver 10.0.0.1\nnameserver bad\nnameserver ::1\nnameserver\nnameserver 1.1.1.1\n"


def test_files() -> None:
    assert servers(RESOLV) == (("10.0.0.1", 53), ("::1", 53), ("1.1.1.1", 53))
    assert servers("") == ()
    hosts = "127.0.0.1 localhost me.test # other.test\n"
    assert listed(hosts, "ME.test")
    assert not listed(hosts, "other.test")
    assert not listed(hosts, "127.0.0.1")
    assert dns_query.read("/nonexistent") == ""


def reply(asked: bytes, *answers: str, **fields: Any) -> bytes:
    parsed = dnslib.DNSRecord.parse(asked).reply()
    for line in answers:
        parsed.add_answer(*dnslib.RR.fromZone(line))
    for name, value in fields.items():
        setattr(parsed.header, name, value)
    packed: bytes = parsed.pack()
    return packed


ASKED = question("a.test", "A", 7)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (reply(ASKED, "a.test 30 A 10.0.0.1", "a.test 20 A 10.0.0.2"), Records(("10.0.0.1", "10.0.0.2"), 20)),
        (reply(ASKED, "a.test 5 CNAME b.test", "b.test 60 A 10.0.0.1"), Records(("10.0.0.1",), 5)),
        (reply(ASKED), Records((), 0)),
        (reply(ASKED, "a.test 30 AAAA ::1"), Records((), 0)),
        (reply(ASKED, "a.test 30 A 10.0.0.1", id=8), None),
        (reply(ASKED, "a.test 30 A 10.0.0.1", tc=1), None),
        (reply(ASKED, "a.test 30 A 10.0.0.1", rcode=3), None),
        (reply(question("b.test", "A", 7), "b.test 30 A 10.0.0.1"), None),
        (ASKED, None),  # a question is no answer
        (b"", None),
        (b"\x00" * 12, None),
    ],
)
def test_what_is_believed(answer: bytes, found: Records | None) -> None:
    assert records(answer, "a.test", "A", 7) == found


def test_cut_anywhere_it_is_no_answer() -> None:
    whole = reply(ASKED, "a.test 30 A 10.0.0.1")
    for size in range(len(whole)):
        assert records(whole[:size], "a.test", "A", 7) is None


class Server(asyncio.DatagramProtocol):
    transport: asyncio.DatagramTransport

    def __init__(self, *answers: str) -> None:
        self.answers = answers

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(reply(data, *self.answers), addr)


async def test_the_first_server_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_query, "TIMEOUT_S", 0.05)
    loop = asyncio.get_running_loop()
    silent, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    good, _ = await loop.create_datagram_endpoint(
        lambda: Server("a.test 30 A 10.0.0.1"), local_addr=("127.0.0.1", 0)
    )  # fmt: skip
    where = tuple(one.get_extra_info("sockname") for one in (silent, good))
    assert await ask("a.test", "A", where, random.Random(1)) == Records(("10.0.0.1",), 30)
    assert await ask("a.test", "A", where[:1], random.Random(1)) is None
    assert await ask("a.test", "A", (), random.Random(1)) is None
    silent.close()
    good.close()
