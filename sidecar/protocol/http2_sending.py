"""The sending half of an HTTP/2 connection: heads, bodies under flow control, resets, and the farewell.

Bytes go to `write`, which gathers them; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from sidecar.protocol import http2_frames as frames
from sidecar.protocol.hpack_decoder import Block, Decoder
from sidecar.protocol.hpack_encoder import EMPTY_TABLE
from sidecar.protocol.http2_floods import Floods
from sidecar.protocol.http2_flow import PENDING_BYTES_HIGH, PENDING_BYTES_LOW, SendQueue, take
from sidecar.protocol.http2_settings import PeerSettings
from sidecar.protocol.http2_streams import (
    CLOSED,
    ENDED,
    NEXT,
    RESET_BY_US,
    SEND_END,
    Gone,
    Stream,
)


class Http2Options(NamedTuple):
    """Our side's settings; the defaults are smaller than Envoy's, whose windows (16 and 24 MiB) are memory a peer
    may make us hold."""

    streams_max: int = 1024
    stream_window: int = 256 * 1024
    connection_window: int = 1024 * 1024
    table_bytes: int = 4096
    allow_connect: bool = False
    header_bytes_max: int = 60 * 1024


class Http2Events(Protocol):
    """What the owner of a connection is told. Nothing of a stream after its end in both directions, or its reset."""

    def on_head(self, stream: Stream, block: Block, end: bool) -> int:
        """0, or the error code the stream is to be reset with."""

    def on_trailers(self, stream: Stream, block: Block) -> int: ...
    def on_data(self, stream: Stream, data: bytes, end: bool) -> None: ...
    def on_stream_reset(self, stream: Stream, code: int, by_peer: bool) -> None: ...
    def on_blocked(self, stream: Stream, blocked: bool) -> None:
        """What is sent on the stream waits for the peer (True), or no longer."""

    def on_settings(self) -> None: ...
    def on_goaway(self, last: int, code: int) -> None: ...


class Sending:
    __slots__ = (
        "_all_written",
        "_blocked",
        "_shrunk",
        "_write",
        "decoder",
        "events",
        "failed",
        "floods",
        "goaway_sent",
        "gone",
        "highest",
        "options",
        "peer",
        "queue",
        "reason",
        "send_window",
        "streams",
    )

    def __init__(
        self,
        events: Any,
        write: Callable[[bytes], None],
        options: Http2Options,
        all_written: Callable[[], bool],
    ) -> None:
        """`all_written`: whether the peer's socket took everything so far."""
        self.events: Http2Events = events
        self._write = write
        self._all_written = all_written
        self.options = options
        self.peer = PeerSettings()
        self.decoder = Decoder(table_bytes=options.table_bytes, size_max=options.header_bytes_max)
        self.floods = Floods()
        self.streams: dict[int, Stream] = {}
        self.gone = Gone()
        self.queue = SendQueue()
        self.send_window = 65535
        self.highest = 0
        """The highest stream the peer opened."""
        self.failed = 0
        """Error code our GOAWAY gave; nothing is read or sent after it."""
        self.reason = b""
        """Why, in Envoy's word for the statistic where it has one."""
        self.goaway_sent = False
        self._blocked = False
        self._shrunk = False

    # Streams

    def send_head(self, stream: Stream, block: bytes, end: bool) -> None:
        if stream.state == CLOSED or self.failed:
            return
        if self._shrunk:
            self._shrunk = False
            block = EMPTY_TABLE + block
        wire = frames.header_frames(stream.id, block, end=end, bytes_max=self.peer.frame_bytes_max)
        if self.floods.sent(control=False, queue_empty=self._all_written()):
            self.fail(frames.ENHANCE_YOUR_CALM, b"outbound_flood")
            return
        self._write(wire)
        if end:
            self._sent_end(stream)

    def send_data(self, stream: Stream, data: bytes, end: bool) -> None:
        if stream.state == CLOSED or self.failed:
            return
        size = len(data)
        if (
            stream.pending
            or self._blocked
            or size > self.send_window
            or size > stream.send_window
            or size > self.peer.frame_bytes_max
        ):
            self.queue.add(stream, data)
            stream.pending_end = end
            self.pump()
            if stream.pending_bytes > PENDING_BYTES_HIGH and not stream.told_blocked:
                stream.told_blocked = True
                self.events.on_blocked(stream, True)
            return
        if size or end:
            self._data_frame(stream, data, end)

    def _data_frame(self, stream: Stream, data: bytes, end: bool) -> None:
        size = len(data)
        self.send_window -= size
        stream.send_window -= size
        self.floods.data_sent()
        if self.floods.sent(control=False, queue_empty=self._all_written()):
            self.fail(frames.ENHANCE_YOUR_CALM, b"outbound_flood")
            return
        head = frames.HEAD.pack(size >> 8, size & 0xFF, frames.DATA, 1 if end else 0, stream.id)
        self._write(head + data if size < 4096 else head)
        if size >= 4096:
            self._write(data)
        if end:
            self._sent_end(stream)

    def send_trailers(self, stream: Stream, block: bytes) -> None:
        """The last of the stream, after its data."""
        if stream.pending:
            stream.pending_trailers = block
            stream.pending_end = True
        else:
            self.send_head(stream, block, True)

    def _sent_end(self, stream: Stream) -> None:
        stream.state = NEXT[stream.state][SEND_END]
        if stream.state == CLOSED:
            self._forget(stream, ENDED)

    def reset(self, stream: Stream, code: int) -> None:
        """End the stream at once, in both directions; the owner is not told."""
        if stream.state != CLOSED and not self.failed:
            self._forget(stream, RESET_BY_US)
            self.control(frames.rst_stream(stream.id, code))

    def _forget(self, stream: Stream, how: int) -> None:
        stream.state = CLOSED
        self.queue.remove(stream)
        self.streams.pop(stream.id, None)
        self.gone.add(stream.id, how)

    # What waits

    def pump(self) -> None:
        """Send what may be sent, one frame of each stream in turn."""
        moved = True
        while moved and self.queue and not self._blocked and not self.failed:
            moved = False
            for stream in self.queue.turn():
                moved = self._one_turn(stream) or moved
                if self._blocked or self.failed:
                    return

    def _one_turn(self, stream: Stream) -> bool:
        room = min(self.send_window, stream.send_window, self.peer.frame_bytes_max)
        if stream.pending:
            if room <= 0:
                return False
            data = take(stream, room)
        else:
            data = b""
        last = not stream.pending
        if last:
            self.queue.done(stream)
        trailers = stream.pending_trailers if last else None
        if data or stream.pending_end:
            self._data_frame(stream, data, last and stream.pending_end and trailers is None)
        if trailers is not None:
            self.send_head(stream, trailers, True)
        if stream.told_blocked and stream.pending_bytes <= PENDING_BYTES_LOW:
            stream.told_blocked = False
            if stream.state != CLOSED:
                self.events.on_blocked(stream, False)
        return True

    def set_blocked(self, blocked: bool) -> None:
        """The socket is full (True), or takes bytes again."""
        self._blocked = blocked
        if not blocked:
            self.pump()

    # The connection

    def control(self, wire: bytes) -> None:
        if self.failed:
            return
        if self.floods.sent(control=True, queue_empty=self._all_written()):
            self.fail(frames.ENHANCE_YOUR_CALM, b"outbound_control_flood")
        else:
            self._write(wire)

    def fail(self, code: int, why: bytes) -> None:
        """A connection error (RFC 9113 5.4.1): say so, and understand nothing more."""
        if not self.failed:
            self._write(frames.goaway(self.highest, code, why))
            self.goaway_sent = True
            self.reason = why
            self.failed = code or frames.INTERNAL_ERROR

    def goaway(self, *, last: int = frames.STREAM_ID_MAX) -> None:
        """No streams above `last`; the default announces that soon there will be such a limit (RFC 9113 6.8)."""
        self.goaway_sent = True
        self.control(frames.goaway(last, frames.NO_ERROR))
