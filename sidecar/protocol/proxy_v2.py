"""The PROXY protocol: who really calls whom, said ahead of the first byte (haproxy.org, proxy-protocol.txt).

Versions 1 and 2, both ways. Nothing here guesses: a header that is not complete asks for more bytes, one
that is wrong is `Malformed`, and a TLV never reaches past the length its header gave (CVE-2026-47692).
"""

from __future__ import annotations

import ipaddress
import re
import struct
from typing import NamedTuple

from sidecar.protocol.numbers import port as port_number

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
HEADER_BYTES = 16
BODY_BYTES_MAX = 4096
"""Addresses and TLVs of one header; the protocol allows 65535, no sender needs them."""
VERSION_1_BYTES_MAX = 107

_VERSION_1 = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) ([0-9]{1,5}) ([0-9]{1,5})\Z")


class ProxyHeader(NamedTuple):
    """`source` and `destination` are (address, port); "" addresses = LOCAL or unknown, use the socket's own."""

    size: int
    """Bytes the header took."""
    source: tuple[str, int] = ("", 0)
    destination: tuple[str, int] = ("", 0)
    tlvs: tuple[tuple[int, bytes], ...] = ()


class NeedMore(NamedTuple):
    size: int
    """Bytes that must be there before it is worth asking again."""


class Malformed(NamedTuple):
    reason: str


ABSENT = Malformed("no PROXY header")
"""What came cannot become one."""


def encode(source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    """A version 2 header for a TCP connection; both addresses of one family."""
    packed_source = ipaddress.ip_address(source[0]).packed
    packed_destination = ipaddress.ip_address(destination[0]).packed
    assert len(packed_source) == len(packed_destination), "two families in one header"
    family = 0x11 if len(packed_source) == 4 else 0x21
    body = packed_source + packed_destination + struct.pack("!HH", source[1], destination[1])
    return SIGNATURE + struct.pack("!BBH", 0x21, family, len(body)) + body


LOCAL = SIGNATURE + struct.pack("!BBH", 0x20, 0, 0)
"""The version 2 header of a connection made for its own sake."""
UNKNOWN_V1 = b"PROXY UNKNOWN\r\n"


def encode_v1(source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    """A version 1 header; both addresses of one family."""
    family = b"TCP6" if ":" in source[0] else b"TCP4"
    assert (":" in source[0]) == (":" in destination[0]), "two families in one header"
    addresses = f"{source[0]} {destination[0]}".encode()
    return b"PROXY %s %s %d %d\r\n" % (family, addresses, source[1], destination[1])


def decode(data: bytes) -> ProxyHeader | NeedMore | Malformed:
    """The header at the beginning of `data`, version 1 or 2."""
    start = data[: len(SIGNATURE)]
    if data[:6] == b"PROXY ":
        return _version_1(data)
    if start == SIGNATURE:
        return _version_2(data)
    if SIGNATURE.startswith(start) or b"PROXY ".startswith(data[:6]):
        return NeedMore(len(data) + 1)
    return ABSENT


def _version_1(data: bytes) -> ProxyHeader | NeedMore | Malformed:
    end = data.find(b"\r\n", 0, VERSION_1_BYTES_MAX)
    if end < 0:
        if len(data) >= VERSION_1_BYTES_MAX:
            return Malformed("version 1 header too long")
        return NeedMore(len(data) + 1)
    line = data[:end]
    if line.startswith(b"PROXY UNKNOWN"):
        return ProxyHeader(end + 2)
    found = _VERSION_1.match(line)
    if found is None:
        return Malformed("bad version 1 header")
    ports = (port_number(found[4]), port_number(found[5]))
    family = 4 if found[1] == b"TCP4" else 6
    try:
        source, destination = (ipaddress.ip_address(text.decode()) for text in (found[2], found[3]))
    except ValueError:
        return Malformed("bad address")
    if ports[0] is None or ports[1] is None or source.version != family or destination.version != family:
        return Malformed("bad version 1 header")
    return ProxyHeader(end + 2, (str(source), ports[0]), (str(destination), ports[1]))


_SIZES = {1: 12, 2: 36, 3: 216}
"""Address bytes of AF_INET, AF_INET6, AF_UNIX."""


def _version_2(data: bytes) -> ProxyHeader | NeedMore | Malformed:
    if len(data) < HEADER_BYTES:
        return NeedMore(HEADER_BYTES)
    version_command, family_protocol, length = struct.unpack_from("!BBH", data, 12)
    if version_command not in (0x20, 0x21):
        return Malformed("bad version or command")
    if length > BODY_BYTES_MAX:
        return Malformed("header too long")
    size = HEADER_BYTES + length
    if len(data) < size:
        return NeedMore(size)
    body = data[HEADER_BYTES:size]
    family = family_protocol >> 4
    if version_command == 0x20 or family == 0:
        return ProxyHeader(size)  # LOCAL (health checks) or UNSPEC: the connection's own addresses count
    address_bytes = _SIZES.get(family)
    if address_bytes is None or family_protocol & 0xF not in (0, 1):
        return Malformed("unsupported family or protocol")
    if length < address_bytes:
        return Malformed("addresses cut short")
    tlvs = _tlvs(body[address_bytes:])
    if isinstance(tlvs, Malformed):
        return tlvs
    if family == 3:
        return ProxyHeader(size, tlvs=tlvs)
    width = 4 if family == 1 else 16
    source_port, destination_port = struct.unpack_from("!HH", body, 2 * width)
    return ProxyHeader(
        size,
        (str(ipaddress.ip_address(body[:width])), source_port),
        (str(ipaddress.ip_address(body[width : 2 * width])), destination_port),
        tlvs,
    )


def _tlvs(data: bytes) -> tuple[tuple[int, bytes], ...] | Malformed:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if len(data) - at < 3:
            return Malformed("TLV cut short")
        kind, length = struct.unpack_from("!BH", data, at)
        at += 3
        if length > len(data) - at:
            return Malformed("TLV reaches past the header")
        found.append((kind, data[at : at + length]))
        at += length
    return tuple(found)
