"""HPACK's two tables and its integers (RFC 7541: 2.3, 4, 5.1, appendix A)."""

from __future__ import annotations

from collections import deque

Pair = tuple[bytes, bytes]
"""Name, value."""
ENTRY_OVERHEAD_BYTES = 32
"""RFC 7541 4.1: what an entry counts beyond its bytes."""
DEFAULT_TABLE_BYTES = 4096
INTEGER_BYTES_MAX = 5
"""Continuation bytes of an integer: 35 bits hold everything that can be meant; more is an attack."""

_STATIC = """\
:authority
:method=GET
:method=POST
:path=/
:path=/index.html
:scheme=http
:scheme=https
:status=200
:status=204
:status=206
:status=304
:status=400
:status=404
:status=500
accept-charset
accept-encoding=gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
"""


def _static() -> tuple[Pair, ...]:
    entries = []
    for line in _STATIC.encode().splitlines():
        cut = line.find(b"=", 1)
        entries.append((line, b"") if cut < 0 else (line[:cut], line[cut + 1 :]))
    return tuple(entries)


STATIC = _static()
STATIC_PAIRS = {pair: index for index, pair in reversed(list(enumerate(STATIC, 1)))}
STATIC_NAMES = {pair[0]: index for index, pair in reversed(list(enumerate(STATIC, 1)))}


class DynamicTable:
    """First in, first out, bounded by bytes. Index 62 is the newest entry."""

    __slots__ = ("bytes", "bytes_max", "entries")

    def __init__(self, bytes_max: int = DEFAULT_TABLE_BYTES) -> None:
        self.entries: deque[Pair] = deque()
        self.bytes = 0
        self.bytes_max = bytes_max

    def get(self, index: int) -> Pair | None:
        """By HPACK index, static entries too; None = there is no such entry."""
        if 0 < index <= len(STATIC):
            return STATIC[index - 1]
        index -= len(STATIC) + 1
        return self.entries[index] if 0 <= index < len(self.entries) else None

    def add(self, pair: Pair) -> None:
        """An entry larger than the table empties it, and is no error (RFC 7541 4.4)."""
        size = len(pair[0]) + len(pair[1]) + ENTRY_OVERHEAD_BYTES
        self._evict(self.bytes_max - size)
        if size <= self.bytes_max:
            self.entries.appendleft(pair)
            self.bytes += size

    def resize(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._evict(bytes_max)

    def _evict(self, room: int) -> None:
        while self.bytes > room and self.entries:
            name, value = self.entries.pop()
            self.bytes -= len(name) + len(value) + ENTRY_OVERHEAD_BYTES


def write_integer(value: int, prefix_bits: int, first: int) -> bytes:
    """`first`: the bits above the prefix."""
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes((first | value,))
    out = bytearray((first | most,))
    value -= most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_integer(data: bytes, at: int, prefix_bits: int) -> tuple[int, int] | None:
    """(value, where it ends) of the integer that begins in the byte at `at`; None = cut short or too long."""
    most = (1 << prefix_bits) - 1
    value = data[at] & most
    at += 1
    if value < most:
        return value, at
    shift = 0
    for byte in data[at : at + INTEGER_BYTES_MAX]:
        at += 1
        value += (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    return None
