"""Tables and integers of HPACK."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.hpack_table import STATIC, STATIC_NAMES, STATIC_PAIRS, DynamicTable, read_integer, write_integer


def test_static_table() -> None:
    assert len(STATIC) == 61
    assert STATIC[1] == (b":method", b"GET")
    assert STATIC[15] == (b"accept-encoding", b"gzip, deflate")
    assert STATIC[60] == (b"www-authenticate", b"")
    assert STATIC_PAIRS[b":status", b"200"] == 8
    assert STATIC_NAMES[b":path"] == 4


@pytest.mark.parametrize(
    ("value", "bits", "wire"), [(10, 5, "0a"), (1337, 5, "1f9a0a"), (42, 8, "2a"), (31, 5, "1f00")]
)
def test_rfc_integers(value: int, bits: int, wire: str) -> None:
    assert write_integer(value, bits, 0).hex() == wire
    assert read_integer(bytes.fromhex(wire), 0, bits) == (value, len(wire) // 2)


@given(st.integers(0, 2**32 - 1), st.integers(4, 7))
def test_integers_round_trip(value: int, bits: int) -> None:
    wire = write_integer(value, bits, 0)
    assert read_integer(wire, 0, bits) == (value, len(wire))
    assert read_integer(wire[:-1], 0, bits) is None if len(wire) > 1 else True


def test_endless_integer_is_refused() -> None:
    assert read_integer(b"\x1f" + b"\x80" * 100 + b"\x01", 0, 5) is None


def test_eviction_counts_overhead() -> None:
    table = DynamicTable(100)
    table.add((b"a", b"1"))
    table.add((b"b", b"2"))
    assert (table.bytes, table.get(62), table.get(63)) == (68, (b"b", b"2"), (b"a", b"1"))
    table.add((b"c", b"3"))
    assert (table.bytes, table.get(63), table.get(64)) == (68, (b"b", b"2"), None)
    table.resize(40)
    assert table.bytes == 34
    table.add((b"n", b"x" * 100))
    assert (table.bytes, table.get(62), table.get(0)) == (0, None, None)
