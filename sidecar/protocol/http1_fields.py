"""Header lines and what they share: strict grammar, a bounded memory of lines seen, lists of tokens, trailers."""

from __future__ import annotations

import re
from typing import NamedTuple

from sidecar.protocol.message import Field, Headers, field

FIELDS_MAX = 100
LINES_REMEMBERED_MAX = 1024
LINE_REMEMBERED_BYTES_MAX = 256
"""Longer lines (cookies, tokens) differ too often to be worth their memory."""

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Possessive runs: each byte is looked at once, whatever the peer sends.
_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*+((?:[\x21-\x7e\x80-\xff]++|[ \t]++(?=[\x21-\x7e\x80-\xff]))*+)[ \t]*+\Z")
_FORBIDDEN_TRAILERS = frozenset(
    (b"content-length", b"transfer-encoding", b"host", b"te", b"connection", b"trailer", b"upgrade", b"keep-alive",
     b"authorization", b"content-type", b"content-encoding", b"content-range", b"set-cookie", b"cookie")
)  # fmt: skip


class Malformed(NamedTuple):
    """What to answer: an HTTP status and Envoy's word for %RESPONSE_CODE_DETAILS%."""

    status: int
    details: str


_remembered: dict[bytes, Field] = {}


def parse_line(line: bytes) -> Field | None:
    """One header line without its CRLF. None = malformed."""
    found = _LINE.match(line)
    if found is None:
        return None
    item = field(found[1], found[2])
    if len(line) <= LINE_REMEMBERED_BYTES_MAX:
        if len(_remembered) >= LINES_REMEMBERED_MAX:
            _remembered.clear()
        _remembered[line] = item
    return item


def parse_fields(lines: list[bytes], fields_max: int) -> list[Field] | Malformed:
    fields = list(map(_remembered.get, lines))
    if len(fields) > fields_max:
        return Malformed(431, "http1.too_many_headers")
    if None in fields:
        for place, known in enumerate(fields):
            if known is None:
                item = parse_line(lines[place])
                if item is None:
                    return Malformed(400, "http1.codec_error")
                fields[place] = item
    return fields  # type: ignore[return-value]  # no None is left


def as_written(fields: list[Field]) -> list[Field]:
    """The same fields, to be sent on with their names in the case they came in (preserve_case)."""
    return [(name, lower, value, b"%s: %s\r\n" % (name, value)) for name, lower, value, _ in fields]


def tokens(value: bytes | None) -> list[bytes]:
    """A comma-separated list in lower case, without blanks and empty members."""
    if not value:
        return []
    return [word for word in value.lower().replace(b" ", b"").replace(b"\t", b"").split(b",") if word]


def parse_trailers(lines: list[bytes]) -> Headers | Malformed:
    """Trailer fields; those that would change framing or routing after the fact are dropped (RFC 9110 6.5.1)."""
    fields = parse_fields(lines, FIELDS_MAX)
    if isinstance(fields, Malformed):
        return fields
    return Headers.of([item for item in fields if item[1] not in _FORBIDDEN_TRAILERS])
