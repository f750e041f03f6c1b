"""A response that came before, as it goes downstream: all lines but those of time are ready.

Where nothing but the upstream's bytes decides about an answer (no edits, no CORS, no peer metadata), the same head from
upstream becomes the same head downstream: it is written from here without being taken apart again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.protocol.http1_response import ResponseMessage
from sidecar.protocol.http1_write import status_line
from sidecar.protocol.message import ResponseHead

if TYPE_CHECKING:
    from sidecar.exchange.manager import Manager

SERVICE_TIME = b"x-envoy-upstream-service-time"
MANAGERS_MAX = 32
"""Connection managers that one response is remembered for."""


class KnownAnswer:
    __slots__ = ("block", "dated", "head", "lines")

    def __init__(self, head: ResponseHead) -> None:
        self.head = head
        """As sent, without the lines of time. Never changed."""
        self.dated = b"date" in head.headers
        """It has the upstream's date."""
        self.lines = status_line(head.status) + head.headers.wire()
        self.block = b""
        """The head in HTTP/2, once it was wanted."""


def known_answer(message: ResponseMessage, manager: Manager) -> KnownAnswer | None:
    """None = it must be taken apart: it is not shared, or its framing has to be made."""
    memo = message.memo
    if memo is None or b"content-length" not in message.head.headers:
        return None
    if len(memo) >= MANAGERS_MAX:
        memo.clear()
    head = message.head.twin()
    head.headers.remove(SERVICE_TIME)
    manager.mark_server(head.headers)
    answer = memo[manager] = KnownAnswer(head)
    return answer
