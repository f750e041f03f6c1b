"""Addresses as sockets give them, and as logs and PROXY headers show them."""

from __future__ import annotations

import socket
import struct
from typing import Any, NamedTuple

SO_ORIGINAL_DST = 80
"""linux/netfilter_ipv4.h: where the packet wanted to go before it was redirected."""


class Endpoint(NamedTuple):
    """An IP address with its port, or a UNIX path (`port` 0)."""

    host: str
    port: int = 0

    @property
    def is_pipe(self) -> bool:
        return self.host.startswith(("/", "@"))

    def __str__(self) -> str:
        if self.is_pipe or not self.host:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


UNKNOWN = Endpoint("")


def endpoint_of(name: Any) -> Endpoint:
    """From `getsockname`, `getpeername` or `accept`."""
    if isinstance(name, tuple):
        return Endpoint(name[0].partition("%")[0], name[1])
    text = name.decode() if isinstance(name, bytes) else str(name)
    return Endpoint(text) if text else UNKNOWN


def local_endpoint(sock: socket.socket) -> Endpoint:
    try:
        return endpoint_of(sock.getsockname())
    except OSError:
        return UNKNOWN


def original_destination(sock: socket.socket) -> Endpoint | None:
    """The target before an nftables/iptables redirect; None = the connection was not redirected by this host."""
    try:
        packed = sock.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
    except OSError:
        return None
    _, port, address = struct.unpack("!HH4s8x", packed)
    return Endpoint(socket.inet_ntoa(address), port)


def family_of(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
