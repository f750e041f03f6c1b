"""HPACK encoding: what another decoder, and ours, read from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.hpack_decoder import Decoder
from sidecar.protocol.hpack_encoder import EMPTY_TABLE, encode, encode_field, encode_once

pairs = st.lists(st.tuples(st.from_regex(rb"[a-z][a-z\-]{0,12}", fullmatch=True), st.binary(max_size=400)), max_size=8)


@given(pairs)
def test_round_trip(fields: list[tuple[bytes, bytes]]) -> None:
    block = Decoder().decode(EMPTY_TABLE + encode(fields) + b"".join(encode_once(*pair) for pair in fields))
    assert block is not None
    assert block.pairs == fields * 2


@given(pairs)
def test_another_decoder_reads_it(fields: list[tuple[bytes, bytes]]) -> None:
    hpack = pytest.importorskip("hpack")
    assert [tuple(one) for one in hpack.Decoder().decode(encode(fields), raw=True)] == fields


@pytest.mark.parametrize(
    ("pair", "wire"),
    [
        ((b":method", b"GET"), "82"),
        ((b":status", b"200"), "88"),
        ((b"content-length", b"3"), "0f0d0133"),
        ((b"authorization", b"3"), "1f080133"),
    ],
    ids=["indexed", "status", "static-name", "never-indexed"],
)
def test_forms(pair: tuple[bytes, bytes], wire: str) -> None:
    assert encode_field(pair).hex() == wire
    assert encode_field(pair).hex() == wire
