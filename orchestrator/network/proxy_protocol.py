"""PROXY protocol version 2 over IPv4/TCP: who calls whom, ahead of a connection's bytes. Pure.

Source of the layout: haproxy's proxy-protocol.txt section 2.2.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED_BYTES = 16
_VERSION_PROXY, _VERSION_LOCAL = 0x21, 0x20
_TCP4 = 0x11
_ADDRESSES = struct.Struct(">4s4sHH")
HEADER_BYTES_MAX = 536
"""What a receiver should be able to take (section 2): addresses and a few TLVs, which are skipped here."""

Address = tuple[str, int]


class ProxyProtocolError(Exception):
    """The bytes are no PROXY v2 header that we accept."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """`length` counts the header's bytes; None = LOCAL, a health check of the sender's own."""

    source: Address | None
    destination: Address | None
    length: int


def encode(source: Address, destination: Address) -> bytes:
    addresses = _ADDRESSES.pack(
        socket.inet_aton(source[0]), socket.inet_aton(destination[0]), source[1], destination[1]
    )
    return SIGNATURE + struct.pack(">BBH", _VERSION_PROXY, _TCP4, len(addresses)) + addresses


def parse(data: bytes) -> ProxyHeader | None:
    """The header at the beginning of `data`; None = not all of it is there yet. Raises `ProxyProtocolError`."""
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
        raise ProxyProtocolError("no PROXY v2 signature")
    if len(data) < _FIXED_BYTES:
        return None
    version, family, length = struct.unpack_from(">BBH", data, len(SIGNATURE))
    if version not in (_VERSION_PROXY, _VERSION_LOCAL):
        raise ProxyProtocolError("not version 2")
    total = _FIXED_BYTES + length
    if total > HEADER_BYTES_MAX:
        raise ProxyProtocolError("PROXY v2 header too long")
    if len(data) < total:
        return None
    if version == _VERSION_LOCAL:
        return ProxyHeader(None, None, total)
    if family != _TCP4 or length < _ADDRESSES.size:
        raise ProxyProtocolError("only TCP over IPv4")
    source, destination, source_port, destination_port = _ADDRESSES.unpack_from(data, _FIXED_BYTES)
    return ProxyHeader(
        (socket.inet_ntoa(source), source_port), (socket.inet_ntoa(destination), destination_port), total
    )
