"""HPACK decoding: public stories, the `hpack` package as oracle, errors of RFC 7541, and the memory of blocks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.hpack_decoder import Decoder

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "hpack.json"
names = st.from_regex(rb"[a-z][a-z\-]{0,12}", fullmatch=True)
values = st.binary(max_size=40)


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_public_stories() -> None:
    for name, story in json.loads(CASES.read_text())["stories"].items():
        decoder = Decoder(table_bytes=max(4096, *(case.get("header_table_size") or 0 for case in story["cases"])))
        for case in story["cases"]:
            block = decoder.decode(bytes.fromhex(case["wire"]))
            assert block is not None, (name, case["seqno"])
            expected = [(k.encode(), v.encode()) for pair in case["headers"] for k, v in pair.items()]
            assert block.pairs == expected, (name, case["seqno"])


@given(st.lists(st.lists(st.tuples(names, values), max_size=8), max_size=6))
def test_agrees_with_another_encoder(lists: list[list[tuple[bytes, bytes]]]) -> None:
    hpack = pytest.importorskip("hpack")
    theirs, ours = hpack.Encoder(), Decoder()
    for pairs in lists:
        for _ in range(3):
            block = ours.decode(theirs.encode(pairs))
            assert block is not None
            assert block.pairs == pairs


@given(st.binary(max_size=60))
def test_garbage_is_refused_where_another_decoder_refuses(wire: bytes) -> None:
    hpack = pytest.importorskip("hpack")
    block = Decoder().decode(wire)
    try:
        expected = [(bytes(k), bytes(v)) for k, v in hpack.Decoder().decode(wire, raw=True)]
    except hpack.HPACKError:
        assert block is None
        return
    if block is not None:
        assert block.pairs == expected


@pytest.mark.parametrize(
    "wire",
    [
        "80",
        "be",
        "ff8080808001",
        "400161",
        "4001",
        "823fe11f",
        "3fe21f82",
        "3fe11f3fe11f3fe11f82",
        "0085ffffffffff0161",
    ],
    ids=["index-0", "no-entry", "far-index", "no-value", "cut", "late-update", "above-limit", "three-updates", "eos"],
)  # fmt: skip
def test_errors(wire: str) -> None:
    assert Decoder().decode(bytes.fromhex(wire)) is None


def test_blocks_are_remembered_until_the_table_changes() -> None:
    decoder = Decoder()
    decoder.decode(bytes.fromhex("40016101 62".replace(" ", "")))
    first = decoder.decode(b"\x82\xbe")
    assert first is not None
    assert first.shared
    assert decoder.decode(b"\x82\xbe") is first
    decoder.decode(bytes.fromhex("4001630164"))
    again = decoder.decode(b"\x82\xbe")
    assert again is not None
    assert again.pairs == [(b":method", b"GET"), (b"c", b"d")]


def test_a_bomb_is_cut_but_the_table_stays_right() -> None:
    decoder = Decoder(size_max=8192)
    decoder.decode(b"\x40\x01a\x7f\x81\x1e" + b"x" * 4000)
    block = decoder.decode(b"\xbe" * 1000)
    assert block is not None
    assert block.too_large
    assert len(block.pairs) == 2
