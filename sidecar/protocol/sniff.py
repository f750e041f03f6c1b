"""What a connection speaks, from its first bytes: TLS with its server name and protocols, HTTP/1, HTTP/2, or none."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

CLIENT_HELLO_BYTES_MAX = 16 * 1024
"""Envoy's tls_inspector: a larger hello is not a hello."""
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REQUEST_LINE_BYTES_MAX = 8 * 1024

_HTTP1 = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32} [^\x00-\x20]+ HTTP/1\.[01]\r?\n")
_HTTP1_START = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}(?: [^\x00-\x20]*(?: [HTP/1.0\r]*)?)?\Z")


class ClientHello(NamedTuple):
    server_name: str
    """"" = none given."""
    protocols: tuple[str, ...]
    """ALPN, as offered."""


class NotTls(NamedTuple):
    """The first bytes are not a TLS handshake."""


class Unfinished(NamedTuple):
    """More bytes are needed to tell."""


def client_hello(data: bytes) -> ClientHello | NotTls | Unfinished:
    """Parse the ClientHello at the beginning of `data` (RFC 8446 4.1.2), over as many records as it takes."""
    handshake = bytearray()
    at = 0
    while True:
        if len(data) - at < 5:
            if data[at : at + 1] not in (b"", b"\x16") or (len(data) > at + 1 and data[at + 1] != 3):
                return NotTls()
            return Unfinished()
        kind, major, _, length = struct.unpack_from("!BBBH", data, at)
        if kind != 22 or major != 3 or length == 0 or length > CLIENT_HELLO_BYTES_MAX + 256:
            return NotTls()
        handshake += data[at + 5 : at + 5 + length]
        at += 5 + length
        if handshake and handshake[0] != 1:
            return NotTls()
        if len(handshake) >= 4:
            size = (handshake[1] << 16) + (handshake[2] << 8) + handshake[3]
            if size > CLIENT_HELLO_BYTES_MAX:
                return NotTls()
            if len(handshake) >= 4 + size:
                try:
                    return _extensions(bytes(handshake[4 : 4 + size]))
                except (IndexError, struct.error, ValueError):
                    return NotTls()
        if at > len(data):
            return Unfinished()


def _extensions(hello: bytes) -> ClientHello:
    at = 34  # version, random
    at += 1 + hello[at]  # session id
    at += 2 + struct.unpack_from("!H", hello, at)[0]  # cipher suites
    at += 1 + hello[at]  # compression
    name, protocols = "", ()
    if at == len(hello):
        return ClientHello(name, protocols)
    end = at + 2 + struct.unpack_from("!H", hello, at)[0]
    at += 2
    if end > len(hello):
        raise ValueError("extensions cut short")
    found: tuple[str, ...] = protocols
    while at < end:
        kind, length = struct.unpack_from("!HH", hello, at)
        at += 4
        if at + length > end:
            raise ValueError("extension cut short")
        value = hello[at : at + length]
        at += length
        if kind == 0:
            name = _server_name(value)
        elif kind == 16:
            found = _protocols(value)
    return ClientHello(name, found)


def _server_name(value: bytes) -> str:
    """RFC 6066 3: one host_name."""
    kind, length = struct.unpack_from("!BH", value, 2)
    name = value[5 : 5 + length]
    if kind != 0 or len(name) != length:
        raise ValueError("bad server name")
    return name.decode("ascii").lower()


def _protocols(value: bytes) -> tuple[str, ...]:
    """RFC 7301 3.1."""
    found = []
    at = 2
    while at < len(value):
        length = value[at]
        if length == 0 or at + 1 + length > len(value):
            raise ValueError("bad protocol name")
        found.append(value[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    return tuple(found)


def http_version(data: bytes) -> str | None:
    """`http/1.1`, `http/1.0`, `h2c`, "" = not HTTP, None = more bytes are needed (Envoy's http_inspector)."""
    if data.startswith(HTTP2_PREFACE):
        return "h2c"
    if HTTP2_PREFACE.startswith(data[: len(HTTP2_PREFACE)]):
        return None
    found = _HTTP1.match(data)
    if found is not None:
        return "http/1.0" if b"HTTP/1.0" in found[0][-11:] else "http/1.1"
    if len(data) < REQUEST_LINE_BYTES_MAX and _HTTP1_START.match(data) is not None:
        return None
    return ""
