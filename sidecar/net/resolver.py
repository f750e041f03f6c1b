"""Names to addresses, on two threads of our own: the loop never waits for a name server."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from sidecar.net import dns_query

LOOKUPS_AT_ONCE_MAX = 2
ADDRESSES_MAX = 256
"""Addresses taken of one name."""
RESOLV_CONF, HOSTS = "/etc/resolv.conf", "/etc/hosts"
_FAMILIES = {"V4_ONLY": socket.AF_INET, "V6_ONLY": socket.AF_INET6}
_KINDS = {"V4_ONLY": ("A",), "V6_ONLY": ("AAAA",)}


class Answer(NamedTuple):
    """No addresses: the name has none. `ttl_s` 0 = it is not known how long this holds."""

    addresses: tuple[str, ...]
    ttl_s: int = 0


class Resolver:
    """Threads start with the first lookup: a proxy without DNS clusters has none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._threads: ThreadPoolExecutor | None = None
        self._rng = random.SystemRandom()
        """Identifiers of questions must not be guessed."""

    async def lookup(self, name: str, family: str = "AUTO", *, ttl: bool = False) -> Answer | None:
        """Addresses in the order of the system's resolver; None = ask again later. `ttl`: how long they hold is wanted
        too; it stays unknown for names that no name server told."""
        if is_address(name):
            return Answer((name,))
        if ttl and (answer := await self._ask(name, family)) is not None:
            return answer
        if self._threads is None:
            self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE_MAX, thread_name_prefix="resolver")
        wanted = _FAMILIES.get(family, socket.AF_UNSPEC)
        try:
            found = await self._loop.run_in_executor(self._threads, _getaddrinfo, name, wanted)
        except socket.gaierror as failure:
            return Answer(()) if failure.errno in (socket.EAI_NONAME, socket.EAI_NODATA) else None
        except OSError:
            return None
        return Answer(of_family(tuple(dict.fromkeys(found)), family))

    async def _ask(self, name: str, family: str) -> Answer | None:
        """By our own question. None = nothing was learnt."""
        if dns_query.listed(dns_query.read(HOSTS), name):
            return None
        servers = dns_query.servers(dns_query.read(RESOLV_CONF))
        addresses: tuple[str, ...] = ()
        lifetimes = []
        for kind in _KINDS.get(family, ("A", "AAAA")):
            found = await dns_query.ask(name, kind, servers, self._rng)
            if found is not None and found.addresses:
                addresses += found.addresses
                lifetimes.append(found.ttl_s)
        return Answer(of_family(addresses, family), min(lifetimes)) if addresses else None

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def of_family(addresses: tuple[str, ...], family: str) -> tuple[str, ...]:
    """ALL: every one. V4_PREFERRED and AUTO: IPv4, and IPv6 where there is no other.

    Envoy's AUTO prefers IPv6; a host without a route to it would then fail every dial.
    """
    if family in ("AUTO", "V4_PREFERRED"):
        addresses = tuple(one for one in addresses if ":" not in one) or addresses
    return addresses[:ADDRESSES_MAX]


def _getaddrinfo(name: str, family: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)]


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
