"""Bodies: the same bytes however they are split, and nothing forgiven in chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.http1_body import (
    EXTENSION_BYTES_MAX,
    ChunkedReader,
    CloseReader,
    LengthReader,
    body_reader,
)
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import CHUNKED, UNTIL_CLOSE

GOOD = b"5;x=1\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"


def feed(data: bytes, *cuts: int) -> tuple[bytes, bytes, list[tuple[bytes, bytes]]] | Malformed | None:
    """(body, rest, trailers), an error, or None = unfinished."""
    reader, body, at = ChunkedReader(), b"", 0
    for cut in (*cuts, len(data)):
        piece = reader.feed(data[at:cut])
        at = cut
        if isinstance(piece, Malformed):
            return piece
        body += piece.body
        if piece.done:
            return body, piece.rest + data[at:], list(piece.trailers or ())
    return None


def test_split_at_every_pair_of_bytes() -> None:
    data = GOOD + b"GET"
    expected = (b"hello0123456789", b"GET", [(b"X-Sum", b"1")])
    for first in range(len(GOOD)):
        assert feed(data, first) == expected
        assert feed(data, first, min(first + 1, len(data))) == expected
    assert feed(data, *range(len(data))) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"1_0\r\nabc\r\n0\r\n\r\n",
        b"\r\nabc",
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabcX\r\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc0\r\n\r\n",
        b"3;a\nb\r\nabc\r\n0\r\n\r\n",
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"00000000000000003\r\nabc",
        b"3;" + b"x" * 5000 + b"\r\n",
        b"0\r\nX : 1\r\n\r\n",
        b"0\r\n X: 1\r\n\r\n",
        b"0\r\nX: 1\n\r\n",
        b"g\r\n",
    ],
)
def test_bad_chunks(data: bytes) -> None:
    assert isinstance(feed(data), Malformed)
    assert isinstance(feed(data, *range(len(data))), Malformed)


def test_extensions_are_bounded_in_sum() -> None:
    chunk = b"1;" + b"x" * 1000 + b"\r\na\r\n"
    assert isinstance(feed(chunk * (EXTENSION_BYTES_MAX // 1000 + 1)), Malformed)


def test_length() -> None:
    reader = LengthReader(5)
    assert reader.feed(b"abc") == (b"abc", False, b"", None)
    assert reader.feed(b"defg") == (b"de", True, b"fg", None)
    assert LengthReader(3).feed(b"abc") == (b"abc", True, b"", None)


def test_readers_by_framing() -> None:
    assert isinstance(body_reader(3), LengthReader)
    assert isinstance(body_reader(CHUNKED), ChunkedReader)
    until_close = body_reader(UNTIL_CLOSE)
    assert isinstance(until_close, CloseReader)
    assert until_close.feed(b"a") == (b"a", False, b"", None)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.lists(st.integers(0, 300), max_size=5))
def test_what_was_chunked_comes_out(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"
    assert feed(data, *sorted(min(cut, len(data)) for cut in cuts)) == (b"".join(pieces), b"", [])


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=2), st.lists(st.integers(0, 60), max_size=3))
def test_mutations_do_not_depend_on_the_split(at: int, insert: bytes, cuts: list[int]) -> None:
    data = GOOD[:at] + insert + GOOD[at + 1 :]
    whole, split = feed(data), feed(data, *sorted(min(cut, len(data)) for cut in cuts))
    assert isinstance(whole, Malformed) == isinstance(split, Malformed)
    if not isinstance(whole, Malformed):
        assert whole == split
