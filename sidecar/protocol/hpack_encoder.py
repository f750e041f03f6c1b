"""HPACK encoding (RFC 7541, 6), without state: static indices and literals that are never put into the table.

A field then always is the same bytes, on every connection, so its bytes are made once and remembered (bounded), and a
header block is a join. That costs the peer some bytes for each repetition, and us a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.protocol import hpack_huffman
from sidecar.protocol.hpack_table import STATIC_NAMES, STATIC_PAIRS, Pair, write_integer

FIELDS_REMEMBERED_MAX = 2048
FIELD_REMEMBERED_BYTES_MAX = 256
NEVER_INDEXED = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"))
"""RFC 7541 7.1.3: no hop may put these into a table, where a guess could be tested."""
EMPTY_TABLE = b"\x20"
"""Size update to 0: what the peer hears when it lowered its limit (RFC 7541 4.2); nothing of ours is in the table."""

_remembered: dict[Pair, bytes] = {}


def string(text: bytes) -> bytes:
    """Huffman-coded where that is shorter."""
    length = hpack_huffman.encoded_length(text)
    if length < len(text):
        return write_integer(length, 7, 0x80) + hpack_huffman.encode(text)
    return write_integer(len(text), 7, 0) + text


def encode_field(pair: Pair) -> bytes:
    """One field; `pair` has its name in lower case."""
    found = _remembered.get(pair)
    if found is not None:
        return found
    name, value = pair
    index = STATIC_PAIRS.get(pair)
    if index is not None:
        made = write_integer(index, 7, 0x80)
    else:
        first = 0x10 if name in NEVER_INDEXED else 0
        index = STATIC_NAMES.get(name, 0)
        made = write_integer(index, 4, first) + (b"" if index else string(name))
        if len(value) > FIELD_REMEMBERED_BYTES_MAX:
            return made + write_integer(len(value), 7, 0) + value
        made += string(value)
    if len(_remembered) >= FIELDS_REMEMBERED_MAX:
        _remembered.clear()
    _remembered[pair] = made
    return made


def encode_once(name: bytes, value: bytes) -> bytes:
    """A field whose value will not come again (an id, a time): not remembered, and not worth the Huffman code."""
    index = STATIC_NAMES.get(name, 0)
    made = write_integer(index, 4, 0) + (b"" if index else string(name))
    return made + write_integer(len(value), 7, 0) + value


def encode(pairs: Iterable[Pair]) -> bytes:
    return b"".join(map(encode_field, pairs))
