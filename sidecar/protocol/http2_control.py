"""What HTTP/2 peers say about streams and the connection itself: every frame that carries no message (RFC 9113, 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sidecar.protocol import http2_frames as frames
from sidecar.protocol.http2_sending import Http2Options, Sending
from sidecar.protocol.http2_streams import CLOSED, RESET_BY_PEER, RESET_BY_US, Stream


class Control(Sending):
    __slots__ = ("_client", "_next", "_now", "_settled")

    def __init__(
        self,
        events: Any,
        write: Callable[[bytes], None],
        options: Http2Options,
        all_written: Callable[[], bool],
    ) -> None:
        super().__init__(events, write, options, all_written)
        self._client = False
        self._next = 1
        """The next stream a client opens."""
        self._now = 0.0
        self._settled = False
        """The peer's SETTINGS came, which must be its first frame (RFC 9113 3.4)."""

    def _absent(self, identifier: int) -> int:
        """The error of a frame on a stream that is not there: idle, or closed."""
        known = identifier <= self.highest if not self._client else identifier < self._next
        mine = bool(identifier & 1)
        return frames.STREAM_CLOSED if known and mine else frames.PROTOCOL_ERROR

    def _priority(self, identifier: int, flags: int, payload: bytes) -> None:
        if self.floods.priority():
            self.fail(frames.ENHANCE_YOUR_CALM, b"inbound_priority_frames_flood")
        elif frames.word(payload) == identifier:
            stream = self.streams.get(identifier)
            if stream is not None:
                self._stream_error(stream, frames.PROTOCOL_ERROR)
            else:
                self.control(frames.rst_stream(identifier, frames.PROTOCOL_ERROR))

    def _rst_stream(self, identifier: int, flags: int, payload: bytes) -> None:
        stream = self.streams.get(identifier)
        if stream is None:
            if self._absent(identifier) == frames.PROTOCOL_ERROR:
                self.fail(frames.PROTOCOL_ERROR, b"reset of an idle stream")
            return
        self._forget(stream, RESET_BY_PEER)
        self.events.on_stream_reset(stream, int.from_bytes(payload, "big"), True)
        self._count_reset(stream)

    def _stream_error(self, stream: Stream, code: int, *, tell: bool = True) -> None:
        known = stream.state != CLOSED
        self._forget(stream, RESET_BY_US)
        self.control(frames.rst_stream(stream.id, code))
        if known and tell:
            self.events.on_stream_reset(stream, code, False)
        self._count_reset(stream)

    def _count_reset(self, stream: Stream) -> None:
        if not self._client and self.floods.reset(self._now - stream.opened_s):
            self.fail(frames.ENHANCE_YOUR_CALM, b"too_many_premature_resets")

    def _settings(self, identifier: int, flags: int, payload: bytes) -> None:
        if flags & frames.ACK:
            return
        self._settled = True
        before = self.peer.window
        problem = self.peer.apply(payload, from_server=self._client)
        if problem:
            self.fail(problem, b"settings")
            return
        if self.peer.table_bytes < 4096:
            self._shrunk = True
        change = self.peer.window - before
        for stream in self.streams.values() if change else ():
            stream.send_window += change
            if stream.send_window > frames.WINDOW_MAX:
                self.fail(frames.FLOW_CONTROL_ERROR, b"window")
                return
        self.control(frames.frame(frames.SETTINGS, frames.ACK, 0))
        self.events.on_settings()
        if change > 0:
            self.pump()

    def _push_promise(self, identifier: int, flags: int, payload: bytes) -> None:
        self.fail(frames.PROTOCOL_ERROR, b"push")  # nobody may push to us

    def _ping(self, identifier: int, flags: int, payload: bytes) -> None:
        if not flags & frames.ACK:
            self.control(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _goaway(self, identifier: int, flags: int, payload: bytes) -> None:
        self.events.on_goaway(frames.word(payload), int.from_bytes(payload[4:8], "big"))

    def _window_update(self, identifier: int, flags: int, payload: bytes) -> None:
        increment = frames.word(payload)
        if self.floods.window_update():
            self.fail(frames.ENHANCE_YOUR_CALM, b"inbound_window_update_frames_flood")
            return
        if not identifier:
            self.send_window += increment
            if not increment or self.send_window > frames.WINDOW_MAX:
                self.fail(frames.FLOW_CONTROL_ERROR if increment else frames.PROTOCOL_ERROR, b"window update")
                return
        else:
            stream = self.streams.get(identifier)
            if stream is None:
                if self._absent(identifier) == frames.PROTOCOL_ERROR:
                    self.fail(frames.PROTOCOL_ERROR, b"window update of an idle stream")
                return
            stream.send_window += increment
            if not increment or stream.send_window > frames.WINDOW_MAX:
                self._stream_error(stream, frames.FLOW_CONTROL_ERROR if increment else frames.PROTOCOL_ERROR)
                return
        self.pump()
