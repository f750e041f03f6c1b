"""An HTTP/2 connection, either side (RFC 9113, 8441), without sockets: bytes in, events and bytes out.

The order of rules is the RFC's: what a frame's head tells (`http2_frames`), what the connection's state allows, what
the stream's does. An error is a reset stream where the RFC lets it be, else the end of the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sidecar.protocol import http2_frames as frames
from sidecar.protocol import http2_settings as settings
from sidecar.protocol.http2_control import Control
from sidecar.protocol.http2_floods import CONTINUATIONS_MAX
from sidecar.protocol.http2_flow import credit
from sidecar.protocol.http2_sending import Http2Options
from sidecar.protocol.http2_streams import (
    CLOSED,
    ENDED,
    HALF_CLOSED_REMOTE,
    NEXT,
    RECEIVE_END,
    RESET_BY_US,
    Stream,
)


class Http2Connection(Control):
    __slots__ = (
        "_block",
        "_block_flags",
        "_block_frames",
        "_block_stream",
        "_preface",
        "_rest",
        "_unacknowledged",
        "receive_window",
    )

    def __init__(
        self,
        events: Any,
        write: Callable[[bytes], None],
        options: Http2Options,
        *,
        client: bool,
        all_written: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(events, write, options, all_written)
        self._client = client
        self._preface = b"" if client else frames.PREFACE
        self._rest = b""
        self._block: list[bytes] = []
        self._block_stream = self._block_flags = self._block_frames = 0
        self._unacknowledged = 0
        self.receive_window = options.connection_window

    def start(self) -> None:
        """Our preface (RFC 9113 3.4)."""
        options = self.options
        values = {settings.INITIAL_WINDOW_SIZE: options.stream_window}
        if options.table_bytes != 4096:
            values[settings.HEADER_TABLE_SIZE] = options.table_bytes
        if self._client:
            values[settings.ENABLE_PUSH] = 0
            self._write(frames.PREFACE)
        else:
            values[settings.MAX_CONCURRENT_STREAMS] = options.streams_max
            values[settings.MAX_HEADER_LIST_SIZE] = options.header_bytes_max
            if options.allow_connect:
                values[settings.ENABLE_CONNECT_PROTOCOL] = 1
        self._write(settings.settings_frame(values))
        more = options.connection_window - 65535
        if more > 0:
            self._write(frames.window_update(0, more))

    # Streams of our own

    @property
    def room(self) -> int:
        """Streams that may be opened now."""
        left = (frames.STREAM_ID_MAX - self._next) // 2
        return min(self.peer.streams_max - len(self.streams), left)

    def open(self, now: float) -> Stream:
        """A client's next stream; `room` says whether there is one."""
        stream = self._stream(self._next, now)
        self._next += 2
        return stream

    def _stream(self, identifier: int, now: float) -> Stream:
        stream = self.streams[identifier] = Stream(
            identifier, send_window=self.peer.window, receive_window=self.options.stream_window, opened_s=now
        )
        self.floods.streams += 1
        return stream

    # Receiving

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the peer, cut anywhere. See `failed` afterwards."""
        self._now = now
        if self._rest:
            data = self._rest + data
        at = 0
        if self._preface:
            wanted = self._preface
            if data[: len(wanted)] != wanted[: len(data)]:
                self.fail(frames.PROTOCOL_ERROR, b"bad preface")
                return
            if len(data) < len(wanted):
                self._rest = data
                return
            self._preface = b""
            at = len(wanted)
        end = len(data)
        unpack = frames.HEAD.unpack_from
        while end - at >= 9 and not self.failed:
            high, low, kind, flags, stream = unpack(data, at)
            length = high << 8 | low
            stream &= 0x7FFFFFFF
            problem = frames.head_error(kind, flags, stream, length)
            if problem or not self._in_order(kind, stream):
                self.fail(problem or frames.PROTOCOL_ERROR, b"unexpected frame")
                return
            stop = at + 9 + length
            if stop > end:
                break
            if kind < 10:
                _HANDLERS[kind](self, stream, flags, data[at + 9 : stop])
            at = stop
        self._rest = data[at:] if at < end else b""

    def _in_order(self, kind: int, stream: int) -> bool:
        if self._block:
            return kind == frames.CONTINUATION and stream == self._block_stream
        return kind != frames.CONTINUATION and (self._settled or kind == frames.SETTINGS)

    # Header blocks

    def _headers(self, identifier: int, flags: int, payload: bytes) -> None:
        plain = frames.unpadded(payload, flags)
        if plain is None:
            self.fail(frames.PROTOCOL_ERROR, b"padding")
            return
        depends = 0
        if flags & frames.PRIORITIZED:
            if len(plain) < 5:
                self.fail(frames.FRAME_SIZE_ERROR, b"priority")
                return
            depends = frames.word(plain)
            plain = plain[5:]
        if depends == identifier:
            flags |= _SELF_DEPENDENT
        if self.floods.received(empty=not plain and not flags & frames.END_STREAM):
            self.fail(frames.ENHANCE_YOUR_CALM, b"inbound_empty_frames_flood")
        elif flags & frames.END_HEADERS:
            self._header_block(identifier, flags, plain)
        else:
            self._block = [plain]
            self._block_stream, self._block_flags, self._block_frames = identifier, flags, 0

    def _continuation(self, identifier: int, flags: int, payload: bytes) -> None:
        self._block.append(payload)
        self._block_frames += 1
        size = sum(map(len, self._block))
        empty = not payload and not flags & frames.END_HEADERS
        if (
            self._block_frames > CONTINUATIONS_MAX
            or size > self.options.header_bytes_max
            or self.floods.received(empty=empty)
        ):
            self.fail(frames.ENHANCE_YOUR_CALM, b"header_overflow")  # CVE-2024-30255 and its kin
            return
        if flags & frames.END_HEADERS:
            block, self._block = b"".join(self._block), []
            self._header_block(identifier, self._block_flags, block)

    def _header_block(self, identifier: int, flags: int, data: bytes) -> None:
        block = self.decoder.decode(data)  # always, or the tables would differ
        if block is None:
            self.fail(frames.COMPRESSION_ERROR, b"hpack")
            return
        end = bool(flags & frames.END_STREAM)
        stream = self.streams.get(identifier)
        if stream is None:
            stream = None if self._client else self._opened_by_peer(identifier)
            if stream is None:
                self._unknown_headers(identifier)
                return
        elif stream.state == HALF_CLOSED_REMOTE:
            self._stream_error(stream, frames.STREAM_CLOSED)
            return
        if flags & _SELF_DEPENDENT:
            self._stream_error(stream, frames.PROTOCOL_ERROR)
            return
        if stream.head_received:
            if not end or not self._length_is_right(stream):  # CVE-2026-73513
                self._stream_error(stream, frames.PROTOCOL_ERROR)
                return
            self._receive_end(stream)
            problem = self.events.on_trailers(stream, block)
        else:
            stream.head_received = True
            if end:
                self._receive_end(stream)
            problem = self.events.on_head(stream, block, end)
        if problem:
            self._stream_error(stream, problem)

    def _opened_by_peer(self, identifier: int) -> Stream | None:
        """A server's new stream; None = it may not be one."""
        if identifier <= self.highest or not identifier & 1 or self.failed:
            return None
        self.highest = identifier
        stream = self._stream(identifier, self._now)
        if len(self.streams) > self.options.streams_max:
            self._stream_error(stream, frames.REFUSED_STREAM, tell=False)
            return None
        return stream

    def _unknown_headers(self, identifier: int) -> None:
        how = self.gone.get(identifier)
        if how == RESET_BY_US:
            return  # they were on their way when we reset it
        if how is not None:
            self.fail(frames.STREAM_CLOSED, b"headers on a closed stream")
        else:  # RFC 9113 5.1.1: skipped, even (a client's), or never opened (a server's)
            self.fail(frames.PROTOCOL_ERROR, b"stream id")

    # Data

    def _data(self, identifier: int, flags: int, payload: bytes) -> None:
        size = len(payload)
        end = bool(flags & frames.END_STREAM)
        self.receive_window -= size
        if self.receive_window < 0:
            self.fail(frames.FLOW_CONTROL_ERROR, b"connection window")
            return
        if self.floods.received(empty=not size and not end):
            self.fail(frames.ENHANCE_YOUR_CALM, b"inbound_empty_frames_flood")
            return
        data = frames.unpadded(payload, flags)
        if data is None:
            self.fail(frames.PROTOCOL_ERROR, b"padding")
            return
        self._credit_connection(size)
        stream = self.streams.get(identifier)
        if stream is None:
            if self.gone.get(identifier) != RESET_BY_US:
                self.fail(self._absent(identifier), b"data")
            return
        if stream.state == HALF_CLOSED_REMOTE or not stream.head_received:
            half = stream.state == HALF_CLOSED_REMOTE
            self._stream_error(stream, frames.STREAM_CLOSED if half else frames.PROTOCOL_ERROR)
            return
        stream.receive_window -= size
        stream.received += len(data)
        if stream.receive_window < 0:
            self._stream_error(stream, frames.FLOW_CONTROL_ERROR)
            return
        if (0 <= stream.expected < stream.received) or (end and not self._length_is_right(stream)):
            self._stream_error(stream, frames.PROTOCOL_ERROR)
            return
        if end:
            self._receive_end(stream)
        else:
            stream.unacknowledged += size
            self._credit_stream(stream)
        self.events.on_data(stream, data, end)

    @staticmethod
    def _length_is_right(stream: Stream) -> bool:
        return stream.expected < 0 or stream.expected == stream.received

    def _credit_connection(self, size: int) -> None:
        # At once, whatever the stream does with it: one slow stream must not stall the others. What is held is bounded
        # by the streams' own windows.
        self._unacknowledged += size
        increment = credit(self._unacknowledged, self.options.connection_window)
        if increment:
            self._unacknowledged = 0
            self.receive_window += increment
            self.control(frames.window_update(0, increment))

    def _credit_stream(self, stream: Stream) -> None:
        increment = 0 if stream.paused else credit(stream.unacknowledged, self.options.stream_window)
        if increment:
            stream.unacknowledged = 0
            stream.receive_window += increment
            self.control(frames.window_update(stream.id, increment))

    def pause(self, stream: Stream) -> None:
        """The owner can take no more than the window that is open."""
        stream.paused = True

    def resume(self, stream: Stream) -> None:
        if stream.paused:
            stream.paused = False
            if stream.state < HALF_CLOSED_REMOTE:
                self._credit_stream(stream)

    def _receive_end(self, stream: Stream) -> None:
        stream.state = NEXT[stream.state][RECEIVE_END]
        if stream.state == CLOSED:
            self._forget(stream, ENDED)


_SELF_DEPENDENT = 0x100
_HANDLERS = (
    Http2Connection._data,
    Http2Connection._headers,
    Http2Connection._priority,
    Http2Connection._rst_stream,
    Http2Connection._settings,
    Http2Connection._push_promise,
    Http2Connection._ping,
    Http2Connection._goaway,
    Http2Connection._window_update,
    Http2Connection._continuation,
)
