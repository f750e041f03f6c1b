"""Questions to a name server by ourselves: only so can the time an answer holds be known, which `getaddrinfo` hides.

One UDP question for each record type; what does not come whole and in time is no answer, and the system's resolver is
asked instead (names of /etc/hosts, search domains, long answers).
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
from pathlib import Path
from typing import Any, NamedTuple

TIMEOUT_S = 2.0
"""Of one question to one server."""
SERVERS_MAX = 3
"""resolv.conf(5): more are not looked at."""
FILE_BYTES_MAX = 1 << 20
PORT = 53


class Records(NamedTuple):
    addresses: tuple[str, ...]
    ttl_s: int
    """The shortest of them."""


def servers(text: str) -> tuple[tuple[str, int], ...]:
    """Name servers of a resolv.conf."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                ipaddress.ip_address(words[1])
            except ValueError:
                continue
            found.append((words[1], PORT))
    return tuple(found[:SERVERS_MAX])


def listed(text: str, name: str) -> bool:
    """Whether a hosts file knows the name."""
    lower = name.lower()
    return any(lower in line.partition("#")[0].lower().split()[1:] for line in text.splitlines())


def read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(FILE_BYTES_MAX).decode("latin-1")
    except OSError:
        return ""


def question(name: str, kind: str, identifier: int) -> bytes:
    library = _library()
    asked = library.DNSRecord.question(name, kind)
    asked.header.id = identifier
    packed: bytes = asked.pack()
    return packed


def _library() -> Any:
    """Untyped, and only loaded where the life of answers counts."""
    import dnslib

    return dnslib


def records(reply: bytes, name: str, kind: str, identifier: int) -> Records | None:
    """Addresses in an answer to this very question; None = it is none, or not whole. Aliases are followed within it."""
    library = _library()
    try:
        parsed = library.DNSRecord.parse(reply)
    except (library.DNSError, ValueError, IndexError, UnicodeError):
        return None
    header = parsed.header
    asked = str(parsed.q.qname).removesuffix(".").lower() if parsed.questions else ""
    whole = header.id == identifier and header.qr and not header.tc and header.rcode == 0
    if not whole or asked != name.removesuffix(".").lower():
        return None
    wanted = library.QTYPE.reverse[kind]
    matching = [one for one in parsed.rr if one.rtype == wanted]
    lifetimes = [one.ttl for one in parsed.rr if one.rtype in (wanted, library.QTYPE.CNAME)]
    return Records(tuple(str(one.rdata) for one in matching), min(lifetimes, default=0))


class _Reply(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.data: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.data.done():
            self.data.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.data.done():
            self.data.set_exception(exc)


async def ask(name: str, kind: str, where: tuple[tuple[str, int], ...], rng: random.Random) -> Records | None:
    """`kind`: A or AAAA. The first server that answers decides. The socket is connected: nobody else can answer."""
    loop = asyncio.get_running_loop()
    for server in where:
        identifier = rng.getrandbits(16)
        try:
            transport, protocol = await loop.create_datagram_endpoint(_Reply, remote_addr=server)
        except OSError:
            continue
        try:
            transport.sendto(question(name, kind, identifier))
            reply = await asyncio.wait_for(protocol.data, TIMEOUT_S)
        except (OSError, TimeoutError):
            continue
        finally:
            transport.close()
        found = records(reply, name, kind, identifier)
        if found is not None:
            return found
    return None
