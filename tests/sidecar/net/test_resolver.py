"""Names through the system's resolver, and through our own questions."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from sidecar.net import dns_query
from sidecar.net import resolver as module
from sidecar.net.dns_query import Records
from sidecar.net.resolver import Answer, Resolver, is_address, of_family


async def test_lookups() -> None:
    resolver = Resolver(asyncio.get_running_loop())
    assert await resolver.lookup("10.1.2.3") == Answer(("10.1.2.3",))
    assert await resolver.lookup("localhost", "V4_ONLY") == Answer(("127.0.0.1",))
    assert await resolver.lookup("localhost", "V4_ONLY", ttl=True) == Answer(("127.0.0.1",))
    assert await resolver.lookup("no-such-name.invalid") in (Answer(()), None)
    resolver.close()
    assert is_address("::1")
    assert not is_address("a.test")


BOTH = ("::1", "10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("family", "expected"),
    [("ALL", BOTH), ("AUTO", BOTH[1:]), ("V4_PREFERRED", BOTH[1:]), ("V4_ONLY", BOTH)],
)
def test_families(family: str, expected: tuple[str, ...]) -> None:
    assert of_family(BOTH, family) == expected
    assert of_family(("::1",), family) == ("::1",)


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("V4_ONLY", Answer(("10.0.0.1",), 30)),
        ("V6_ONLY", Answer(("fe80::1",), 20)),
        ("ALL", Answer(("10.0.0.1", "fe80::1"), 20)),
        ("AUTO", Answer(("10.0.0.1",), 20)),
    ],
)
async def test_how_long_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, expected: Answer
) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.9\n")
    monkeypatch.setattr(module, "RESOLV_CONF", str(tmp_path / "resolv.conf"))
    monkeypatch.setattr(module, "HOSTS", str(tmp_path / "hosts"))

    async def told(name: str, kind: str, where: object, rng: random.Random) -> Records | None:
        assert (name, where) == ("a.test", (("127.0.0.9", 53),))
        return {"A": Records(("10.0.0.1",), 30), "AAAA": Records(("fe80::1",), 20)}[kind]

    monkeypatch.setattr(dns_query, "ask", told)
    resolver = Resolver(asyncio.get_running_loop())
    assert await resolver.lookup("a.test", family, ttl=True) == expected
    resolver.close()
