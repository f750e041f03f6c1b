"""Names to addresses, on two threads of our own: the loop never waits for a name server."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor

LOOKUPS_AT_ONCE_MAX = 2
ADDRESSES_MAX = 256
"""Addresses taken of one name."""


class Resolver:
    """Threads start with the first lookup: a proxy without DNS clusters has none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._threads: ThreadPoolExecutor | None = None

    async def lookup(self, name: str, family: str = "AUTO") -> tuple[str, ...] | None:
        """Addresses in the order of the system's resolver; () = the name has none; None = ask again later."""
        if is_address(name):
            return (name,)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE_MAX, thread_name_prefix="resolver")
        wanted = socket.AF_INET if family in ("V4_ONLY", "V4_PREFERRED") else socket.AF_UNSPEC
        try:
            found = await self._loop.run_in_executor(self._threads, _getaddrinfo, name, wanted)
        except socket.gaierror as failure:
            return () if failure.errno in (socket.EAI_NONAME, socket.EAI_NODATA) else None
        except OSError:
            return None
        addresses = tuple(dict.fromkeys(found))[:ADDRESSES_MAX]
        if family == "AUTO":
            # Envoy prefers IPv6 here and falls back; a host without a route to it would then fail every dial.
            return tuple(one for one in addresses if ":" not in one) or addresses
        return addresses

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _getaddrinfo(name: str, family: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)]


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
