"""HPACK decoding (RFC 7541, 3 and 6): a block of bytes into a list of fields.

Clients repeat themselves: once the dynamic table has settled, the same request is the same bytes. So a block that left
the table as it was is remembered for as long as the table stays so, and the next one like it is one look-up.
"""

from __future__ import annotations

from typing import Any

from sidecar.protocol import hpack_huffman
from sidecar.protocol.hpack_table import DEFAULT_TABLE_BYTES, ENTRY_OVERHEAD_BYTES, DynamicTable, Pair, read_integer

BLOCKS_REMEMBERED_MAX = 64
BLOCK_REMEMBERED_BYTES_MAX = 1024
STRINGS_REMEMBERED_MAX = 1024
STRING_REMEMBERED_BYTES_MAX = 128
SIZE_UPDATES_MAX = 2
"""RFC 7541 4.2: at most the smallest and the final size are told at the start of a block."""


class Block:
    """A decoded header block."""

    __slots__ = ("meaning", "pairs", "shared", "size", "too_large")

    def __init__(self, pairs: list[Pair], size: int) -> None:
        self.pairs = pairs
        self.size = size
        """As RFC 9113 10.5.1 counts: names, values, and 32 bytes a field."""
        self.too_large = False
        """More than was allowed: `pairs` is incomplete, but the table is right."""
        self.shared = False
        """The same bytes will give this same object again."""
        self.meaning: Any = None
        """What the owner worked out of it, once."""


_strings: dict[bytes, bytes] = {}


def _huffman(data: bytes) -> bytes | None:
    found = _strings.get(data)
    if found is None:
        found = hpack_huffman.decode(data)
        if found is not None and len(data) <= STRING_REMEMBERED_BYTES_MAX:
            if len(_strings) >= STRINGS_REMEMBERED_MAX:
                _strings.clear()
            _strings[data] = found
    return found


class Decoder:
    __slots__ = ("_bytes_allowed", "_known", "_size_max", "_table")

    def __init__(self, *, table_bytes: int = DEFAULT_TABLE_BYTES, size_max: int = 60 * 1024) -> None:
        """`table_bytes`: our SETTINGS_HEADER_TABLE_SIZE. `size_max`: of one decoded list."""
        self._table = DynamicTable(min(table_bytes, DEFAULT_TABLE_BYTES))
        self._bytes_allowed = table_bytes
        self._size_max = size_max
        self._known: dict[bytes, Block] = {}

    def decode(self, data: bytes) -> Block | None:
        """None = a COMPRESSION_ERROR, after which the connection cannot go on."""
        known = self._known.get(data)
        if known is not None:
            return known
        at = self._size_updates(data)
        if at is None:
            return None
        changed = at > 0
        pairs: list[Pair] = []
        size, end, table = 0, len(data), self._table
        while at < end:
            first = data[at]
            if first >= 0x80:
                indexed = read_integer(data, at, 7)
                pair = None if indexed is None else table.get(indexed[0])
                if pair is None or indexed is None:
                    return None
                at = indexed[1]
            else:
                literal = self._literal(data, at, 6 if first >= 0x40 else 4)
                if literal is None or 0x20 <= first < 0x40:  # a size update after the first field
                    return None
                pair, at = literal
                if first >= 0x40:
                    table.add(pair)
                    changed = True
            size += len(pair[0]) + len(pair[1]) + ENTRY_OVERHEAD_BYTES
            if size <= self._size_max:
                pairs.append(pair)
        block = Block(pairs, size)
        block.too_large = size > self._size_max
        self._remember(data, block, changed=changed)
        return block

    def _remember(self, data: bytes, block: Block, *, changed: bool) -> None:
        known = self._known
        if changed:
            known.clear()
        elif len(data) <= BLOCK_REMEMBERED_BYTES_MAX and not block.too_large:
            if len(known) >= BLOCKS_REMEMBERED_MAX:
                known.clear()
            block.shared = True
            known[data] = block

    def _size_updates(self, data: bytes) -> int | None:
        """Obey the size updates at the beginning; where they end."""
        at = 0
        for _ in range(SIZE_UPDATES_MAX):
            if at >= len(data) or data[at] & 0xE0 != 0x20:
                return at
            found = read_integer(data, at, 5)
            if found is None or found[0] > self._bytes_allowed:
                return None
            self._table.resize(found[0])
            at = found[1]
        return at

    def _literal(self, data: bytes, at: int, prefix_bits: int) -> tuple[Pair, int] | None:
        found = read_integer(data, at, prefix_bits)
        if found is None:
            return None
        index, at = found
        if index:
            entry = self._table.get(index)
            if entry is None:
                return None
            name = entry[0]
        else:
            text = _string(data, at)
            if text is None:
                return None
            name, at = text
        text = _string(data, at)
        return None if text is None else ((name, text[0]), text[1])


def _string(data: bytes, at: int) -> tuple[bytes, int] | None:
    if at >= len(data):
        return None
    found = read_integer(data, at, 7)
    if found is None:
        return None
    length, start = found
    end = start + length
    if end > len(data):
        return None
    text = data[start:end]
    if data[at] >= 0x80:
        plain = _huffman(text)
        return None if plain is None else (plain, end)
    return text, end
