"""Numbers as peers may write them on the wire, and nothing more.

`int()` accepts `+3`, `1_0`, blanks and non-ASCII digits; every one of them has been a request smuggling bug somewhere.
Lengths and sizes are digits only (RFC 9110 8.6, RFC 9112 7.1) and bounded.
"""

from __future__ import annotations

import re

LENGTH_MAX = 2**63 - 1
"""The largest body length: what a peer in C can hold in a signed 64-bit integer."""

DECIMAL_DIGITS_MAX = 19
CHUNK_DIGITS_MAX = 16
"""Hexadecimal digits of a chunk size: 16 of them fill 64 bits; more are an attempt to overflow someone."""

_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,%d}\Z" % CHUNK_DIGITS_MAX)


def decimal(text: bytes) -> int | None:
    """A length such as Content-Length: 1 to 19 ASCII digits, at most `LENGTH_MAX`. None = not a number."""
    # bytes.isdigit() knows ASCII digits only.
    if not text.isdigit() or len(text) > DECIMAL_DIGITS_MAX:
        return None
    value = int(text)
    return value if value <= LENGTH_MAX else None


def hexadecimal(text: bytes) -> int | None:
    """A chunk size: 1 to 16 hexadecimal digits, at most `LENGTH_MAX`. None = not a number."""
    if _HEXADECIMAL.match(text) is None:
        return None
    value = int(text, 16)
    return value if value <= LENGTH_MAX else None


def port(text: bytes) -> int | None:
    """A TCP port of an authority: 1 to 5 digits, 0 to 65535. None = not a port."""
    value = decimal(text) if len(text) <= 5 else None
    return value if value is not None and value <= 65535 else None
