"""Flow control (RFC 9113 5.2, 6.9): whose turn it is to send DATA, and when a peer is given more room.

Sending: what a window or a full socket holds back waits with its stream, and streams take turns, a frame each, so that
a large response does not stop the small ones. Receiving: a window is opened again when half of it is used.
"""

from __future__ import annotations

from sidecar.protocol.http2_streams import Stream

PENDING_BYTES_HIGH = 64 * 1024
"""Bytes that wait for a window, above which the stream's owner is asked to stop."""
PENDING_BYTES_LOW = 16 * 1024


class SendQueue:
    """The streams that have something to send and may not yet."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[int, Stream] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, stream: Stream, data: bytes) -> None:
        if data:
            stream.pending.append(data)
            stream.pending_bytes += len(data)
        self._waiting[stream.id] = stream

    def remove(self, stream: Stream) -> None:
        self._waiting.pop(stream.id, None)
        stream.pending.clear()
        stream.pending_bytes = 0

    def turn(self) -> list[Stream]:
        """Everyone who waits, longest first."""
        return list(self._waiting.values())

    def done(self, stream: Stream) -> None:
        del self._waiting[stream.id]


def take(stream: Stream, room: int) -> bytes:
    """Up to `room` bytes of what waits."""
    pending = stream.pending
    data = pending.popleft()
    if len(data) > room:
        pending.appendleft(data[room:])
        data = data[:room]
    stream.pending_bytes -= len(data)
    return data


def credit(unacknowledged: int, window: int) -> int:
    """The increment to tell now; 0 = later."""
    return unacknowledged if unacknowledged * 2 >= window else 0
