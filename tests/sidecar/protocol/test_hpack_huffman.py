"""The Huffman code: appendix C of RFC 7541, every symbol, and what a decoder must refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.hpack_huffman import CODES, EOS, decode, encode, encoded_length


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (b"www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
        (b"no-cache", "a8eb10649cbf"),
        (b"Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"),
        (b"", ""),
    ],
)
def test_rfc_examples(text: bytes, wire: str) -> None:
    assert encode(text).hex() == wire
    assert decode(bytes.fromhex(wire)) == text


def test_codes_are_those_of_the_appendix() -> None:
    assert CODES[0x30] == (0x0, 5)
    assert CODES[0x5C] == (0x7FFF0, 19)
    assert CODES[0xFF] == (0x3FFFFEE, 26)
    assert CODES[EOS] == (0x3FFFFFFF, 30)


@given(st.binary(max_size=200))
def test_round_trip(text: bytes) -> None:
    wire = encode(text)
    assert len(wire) == encoded_length(text)
    assert decode(wire) == text


@pytest.mark.parametrize(
    "wire",
    ["ff", "ffffffff", "fffffffc", "00", "1fff", "18"],
    ids=["eight-ones", "eos-prefix", "eos", "zeros-for-padding", "long-padding", "padding-not-ones"],
)
def test_bad_endings_are_refused(wire: str) -> None:
    assert decode(bytes.fromhex(wire)) is None
