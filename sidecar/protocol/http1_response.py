"""HTTP/1.x response heads: read as strictly as requests. What is malformed is a 502, and its connection is done."""

from __future__ import annotations

import re
from typing import Any

from sidecar.protocol.http1_fields import FIELDS_MAX, Malformed, as_written, parse_fields, tokens
from sidecar.protocol.http1_head import CHUNKED, HOP_BY_HOP, NEVER_NOMINATED, UNTIL_CLOSE
from sidecar.protocol.message import Headers, ResponseHead
from sidecar.protocol.numbers import decimal

RESPONSE_HEAD_BYTES_MAX = 80 * 1024
"""Envoy's limit for HTTP/1 responses."""

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?\Z")
_STATUSES = {b"%d" % status: status for status in range(100, 600)}
_SPECIAL_RESPONSE = frozenset((b"connection", b"transfer-encoding", b"upgrade", b"keep-alive", b"proxy-connection"))


class ResponseMessage:
    __slots__ = ("framing", "head", "keep_alive", "memo", "upgrade")

    def __init__(self, head: ResponseHead, framing: int, keep_alive: bool) -> None:
        self.head = head
        self.memo: dict[Any, Any] | None = None
        """As `RequestMessage.memo`: not None = shared by all repetitions, the head is not to be changed."""
        self.framing = framing
        """Bytes of the body, `CHUNKED` or `UNTIL_CLOSE`."""
        self.keep_alive = keep_alive
        self.upgrade = b""


def parse_response(block: bytes, *, method: bytes, keep_case: bool = False) -> ResponseMessage | Malformed:
    """`method` of the request decides whether a body follows (RFC 9112 6.3). Malformed = 502, do not reuse."""
    lines = block.split(b"\r\n")
    found = _STATUS_LINE.match(lines[0])
    if found is None:
        return Malformed(502, "protocol_error")
    version = 11 if found[1] == b"1" else 10
    status = _STATUSES[found[2]]
    del lines[0]
    fields = parse_fields(lines, FIELDS_MAX)
    if isinstance(fields, Malformed):
        return Malformed(502, "protocol_error")
    headers = Headers.of(as_written(fields) if keep_case else fields)
    head = ResponseHead(status, found[3] or b"", headers=headers, version=version)
    index = headers.index()
    keep_alive = version == 11
    upgrade = b""
    if b"transfer-encoding" in index and b"content-length" in index:
        return Malformed(502, "protocol_error")
    coding = index.get(b"transfer-encoding")
    if coding is not None and (coding.lower() != b"chunked" or version == 10):
        return Malformed(502, "protocol_error")
    length_text = index.get(b"content-length")
    length = None if length_text is None else decimal(length_text)
    if length_text is not None and length is None:
        return Malformed(502, "protocol_error")
    if not _SPECIAL_RESPONSE.isdisjoint(index):
        connection = tokens(index.get(b"connection"))
        keep_alive = b"close" not in connection and (version == 11 or b"keep-alive" in connection)
        upgrade = (index.get(b"upgrade") or b"").lower() if b"upgrade" in connection else b""
        for name in connection:
            if name not in NEVER_NOMINATED and name != b"close":
                headers.remove(name)
        for name in HOP_BY_HOP:
            headers.remove(name)
    message = ResponseMessage(head, response_framing(status, method, coding, length), keep_alive)
    message.upgrade = upgrade
    if message.framing == UNTIL_CLOSE:
        message.keep_alive = False
    return message


def response_framing(status: int, method: bytes, coding: bytes | None, length: int | None) -> int:
    if method == b"HEAD" or status < 200 or status in (204, 304):
        return 0
    if coding is not None:
        return CHUNKED
    return UNTIL_CLOSE if length is None else length
