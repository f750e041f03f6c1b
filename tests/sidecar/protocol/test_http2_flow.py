"""The queue of what waits for a window, and when a window is opened again."""

from __future__ import annotations

from sidecar.protocol.http2_flow import SendQueue, credit, take
from sidecar.protocol.http2_streams import Stream


def test_pieces_fit_the_room_and_nothing_is_lost() -> None:
    queue, stream = SendQueue(), Stream(1, send_window=0, receive_window=0, opened_s=0.0)
    queue.add(stream, b"abcdef")
    queue.add(stream, b"gh")
    got = []
    while stream.pending:
        got.append(take(stream, 4))
    assert got == [b"abcd", b"ef", b"gh"]
    assert stream.pending_bytes == 0


def test_streams_wait_in_order_and_leave() -> None:
    queue = SendQueue()
    first, second = (Stream(n, send_window=0, receive_window=0, opened_s=0.0) for n in (1, 3))
    queue.add(first, b"a")
    queue.add(second, b"b")
    assert queue.turn() == [first, second]
    queue.remove(first)
    assert (first.pending_bytes, list(first.pending)) == (0, [])
    queue.done(second)
    assert not queue


def test_credit_comes_at_half_of_the_window() -> None:
    assert [credit(n, 100) for n in (1, 49, 50, 90)] == [0, 0, 50, 90]
