"""Header lines: grammar, memory that forgets, tokens, trailers."""

from __future__ import annotations

import pytest

from sidecar.protocol import http1_fields
from sidecar.protocol.http1_fields import Malformed, parse_fields, parse_line, parse_trailers, tokens


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"A: b", b"b"),
        (b"A:b", b"b"),
        (b"A: \t b c \t", b"b c"),
        (b"A:", b""),
        (b"A:   ", b""),
        (b"A: \xff", b"\xff"),
        (b"A : b", None),
        (b": b", None),
        (b"A", None),
        (b"A: b\x00", None),
        (b"A: b\rc", None),
        (b" A: b", None),
    ],
)
def test_lines(line: bytes, value: bytes | None) -> None:
    found = parse_line(line)
    assert (None if found is None else found[2]) == value


def test_memory_is_bounded_and_never_wrong() -> None:
    for number in range(3 * http1_fields.LINES_REMEMBERED_MAX):
        fields = parse_fields([b"X-%d: v" % number, b"Same: v"], 10)
        assert not isinstance(fields, Malformed)
        assert [item[1] for item in fields] == [b"x-%d" % number, b"same"]
    assert len(http1_fields._remembered) <= http1_fields.LINES_REMEMBERED_MAX
    assert isinstance(parse_fields([b"a: 1"] * 11, 10), Malformed)


def test_trailers_lose_what_would_change_the_message() -> None:
    found = parse_trailers([b"X-Sum: 1", b"Content-Length: 3", b"Host: b", b"Transfer-Encoding: chunked"])
    assert not isinstance(found, Malformed)
    assert list(found) == [(b"X-Sum", b"1")]
    assert isinstance(parse_trailers([b"X Sum: 1"]), Malformed)


def test_tokens() -> None:
    assert tokens(b"A, b ,,\tC") == [b"a", b"b", b"c"]
    assert tokens(None) == []
