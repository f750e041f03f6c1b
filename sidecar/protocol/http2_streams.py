"""Streams of HTTP/2 (RFC 9113 5.1): the states as a table, and which of the gone ones are remembered.

Idle streams and reserved ones (there is no push) have no object.
"""

from __future__ import annotations

from collections import deque
from typing import Any

OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, CLOSED = range(4)
SEND_END, RECEIVE_END, RESET = range(3)

NEXT = (
    # SEND_END, RECEIVE_END, RESET
    (HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, CLOSED),  # OPEN
    (HALF_CLOSED_LOCAL, CLOSED, CLOSED),  # HALF_CLOSED_LOCAL
    (CLOSED, HALF_CLOSED_REMOTE, CLOSED),  # HALF_CLOSED_REMOTE
    (CLOSED, CLOSED, CLOSED),  # CLOSED
)

ENDED, RESET_BY_PEER, RESET_BY_US = range(3)
"""How a stream went: what may still come for it depends on that."""
GONE_REMEMBERED_MAX = 256


class Stream:
    __slots__ = (
        "expected",
        "head_received",
        "id",
        "opened_s",
        "owner",
        "paused",
        "pending",
        "pending_bytes",
        "pending_end",
        "pending_trailers",
        "receive_window",
        "received",
        "send_window",
        "state",
        "told_blocked",
        "unacknowledged",
    )

    def __init__(self, identifier: int, *, send_window: int, receive_window: int, opened_s: float) -> None:
        self.id = identifier
        self.state = OPEN
        self.owner: Any = None
        """Whose stream it is: an exchange's side."""
        self.opened_s = opened_s
        self.head_received = False
        self.expected = -1
        """Content-Length of what is received; -1 = not told."""
        self.received = 0
        self.send_window = send_window
        self.receive_window = receive_window
        self.unacknowledged = 0
        """Received bytes for which no WINDOW_UPDATE was sent."""
        self.paused = False
        """The owner wants no more: the peer's window is not opened again."""
        self.pending: deque[bytes] = deque()
        self.pending_bytes = 0
        self.pending_end = False
        self.pending_trailers: bytes | None = None
        self.told_blocked = False

    def __repr__(self) -> str:
        return f"<Stream {self.id} state={self.state} pending={self.pending_bytes}>"


class Gone:
    """The latest streams that ended, bounded; what is older ended too, but how is forgotten."""

    __slots__ = ("_how",)

    def __init__(self) -> None:
        self._how: dict[int, int] = {}

    def add(self, identifier: int, how: int) -> None:
        known = self._how
        known[identifier] = how
        if len(known) > GONE_REMEMBERED_MAX:
            del known[next(iter(known))]

    def get(self, identifier: int) -> int | None:
        return self._how.get(identifier)
