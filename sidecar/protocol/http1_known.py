"""Heads that come again and again: the next request of a client is mostly the last one's bytes, and so are responses.

A head that was read once, strictly, is remembered whole with what it meant; the same bytes then cost one dictionary
look-up and a copy, as HPACK's table does for HTTP/2. Bounded in number and length, forgotten all at once when full.
What cannot repeat (a request id, a trace context) is not remembered.
"""

from __future__ import annotations

from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import HeadOptions, RequestMessage, parse_request
from sidecar.protocol.http1_response import ResponseMessage, parse_response
from sidecar.protocol.message import GENERATED

HEADS_KNOWN_MAX = 512
"""With the longest heads, a megabyte of them."""
HEAD_KNOWN_BYTES_MAX = 1024


class KnownRequests:
    """`parse_request` with a memory. One for each set of options."""

    __slots__ = ("_options", "by_bytes")

    def __init__(self, options: HeadOptions) -> None:
        self._options = options
        self.by_bytes: dict[bytes, RequestMessage] = {}
        """By the head with its final empty line. For look-ups only."""

    def parse(self, data: bytes) -> RequestMessage | Malformed:
        """`data`: one head with its final empty line. A message with a `memo` is shared by every repetition."""
        known = self.by_bytes.get(data)
        if known is not None:
            return known
        message = parse_request(data[:-4], self._options)
        if (
            len(data) <= HEAD_KNOWN_BYTES_MAX
            and isinstance(message, RequestMessage)
            and not message.expect_continue
            and not message.upgrade
            and GENERATED.isdisjoint(message.head.headers.index())
        ):
            if len(self.by_bytes) >= HEADS_KNOWN_MAX:
                self.by_bytes.clear()
            message.memo = {}
            self.by_bytes[data] = message
        return message


_responses: dict[bytes, ResponseMessage] = {}
"""To requests whose method does not change how a response is read; HEAD and CONNECT do."""


def parse_known_response(block: bytes, *, method: bytes) -> ResponseMessage | Malformed:
    """`parse_response` with a memory, shared by all connections. A message with a `memo` will be given out again."""
    if method in (b"HEAD", b"CONNECT"):
        return parse_response(block, method=method)
    known = _responses.get(block)
    if known is not None:
        return known
    message = parse_response(block, method=method)
    if len(block) <= HEAD_KNOWN_BYTES_MAX and isinstance(message, ResponseMessage) and message.head.status >= 200:
        if len(_responses) >= HEADS_KNOWN_MAX:
            _responses.clear()
        message.memo = {}
        _responses[block] = message
    return message
