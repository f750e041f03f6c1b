"""One HTTP/2 connection downstream: its streams become exchanges, like those of HTTP/1.

`Http2Server` belongs to the socket, `Http2Stream` to one request; the rules of the protocol are in the codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.exchange.http2_stream import Http2Stream
from sidecar.net.connection import Connection
from sidecar.protocol import http2_frames as frames
from sidecar.protocol.hpack_decoder import Block
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import RequestMessage
from sidecar.protocol.http2_connection import Http2Connection
from sidecar.protocol.http2_headers import request, trailers
from sidecar.protocol.http2_streams import HALF_CLOSED_LOCAL, Stream

if TYPE_CHECKING:
    from sidecar.exchange.manager import Manager
    from sidecar.net.accepted import Accepted

SPARE_STREAMS_MAX = 64
"""Finished streams kept for the next requests: each has a timer in the wheel, which is better moved than left."""


class Http2Server:
    __slots__ = (
        "_age",
        "_draining",
        "_ended",
        "_options",
        "accepted",
        "codec",
        "connection",
        "manager",
        "spare",
        "timer",
    )

    def __init__(self, manager: Manager, connection: Connection, accepted: Accepted) -> None:
        self.manager = manager
        self.connection = connection
        self.accepted = accepted
        self.spare: list[Http2Stream] = []
        self._draining = False
        self._ended = False
        self.codec = Http2Connection(
            self, connection.write, manager.http2, client=False, all_written=lambda: not connection.out_bytes
        )
        self.timer = connection.dispatcher.timer(self._idle)
        self._options = manager.head_options
        if manager.heads_by_port is not None:
            self._options = manager.head_options._replace(own_port=accepted.local.port)
        self._age = connection.dispatcher.timer(self._too_old) if manager.connection_s else None
        if self._age is not None:
            self._age.start(manager.connection_s)
        connection.handler = self
        manager.opened(self)
        self.codec.start()
        self._rest()
        if manager.draining:
            self.drain()

    # Handler

    def data_received(self, data: bytes) -> None:
        codec = self.codec
        codec.receive(data, self.connection.dispatcher.time())
        if codec.failed:
            self._fail()
        elif not codec.streams:
            self.rest_if_idle()

    def _fail(self) -> None:
        """The peer broke the connection's rules: GOAWAY is queued; nothing after it is understood."""
        stats = self.manager.stats
        self.manager.http2_stats.failed(self.codec.reason)
        stats.cx_protocol_error.value += 1
        self._end()
        self.connection.close(linger=True, linger_s=self.manager.delayed_close_s)

    def eof_received(self) -> None:
        """Half-close: what was asked whole is still answered, what was not can never be."""
        for stream in list(self.codec.streams.values()):
            if stream.state < 2:  # the request is not complete
                self.codec.reset(stream, frames.CANCEL)
                self._lost(stream)
        self._draining = True
        self.rest_if_idle()

    def connection_lost(self, reason: str) -> None:
        self._end()
        self.connection.abort()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self.timer.stop()
        if self._age is not None:
            self._age.stop()
        self.manager.closed(self)
        for stream in list(self.codec.streams.values()):
            self._lost(stream)
        self.codec.streams.clear()
        self.spare.clear()

    def _lost(self, stream: Stream) -> None:
        owner: Http2Stream | None = stream.owner
        if owner is not None:
            owner.lost()

    def writing_paused(self) -> None:
        self.codec.set_blocked(True)

    def writing_resumed(self) -> None:
        self.codec.set_blocked(False)
        self.rest_if_idle()

    # Events of the codec

    def on_head(self, stream: Stream, block: Block, end: bool) -> int:
        message = self._message(block, end=end)
        if isinstance(message, Malformed):
            if message.details == "http2.violation.of.messaging.rule":
                self.manager.http2_stats.rx_messaging_error.value += 1
                self.manager.stats.cx_protocol_error.value += 1
                return frames.PROTOCOL_ERROR
            owner = stream.owner = self._owner()
            owner.refuse(stream, message, end=end)
        else:
            owner = stream.owner = self._owner()
            owner.begin(stream, message, end=end)
            if self.codec.floods.streams == self.manager.requests_max:
                self.manager.stats.cx_max_requests.value += 1
                self.drain()
        return 0

    def _owner(self) -> Http2Stream:
        spare = self.spare
        return spare.pop() if spare else Http2Stream(self)

    def _message(self, block: Block, *, end: bool) -> RequestMessage | Malformed:
        known = block.meaning
        if known is not None and known[0] == end:
            again: RequestMessage = known[1]
            return again
        manager = self.manager
        message = request(block, self._options, end=end, connect=manager.http2.allow_connect)
        if block.shared and isinstance(message, RequestMessage):
            message.memo = {}
            block.meaning = (end, message)
        return message

    def on_trailers(self, stream: Stream, block: Block) -> int:
        found = trailers(block, self.manager.head_options.fields_max)
        if found is None:
            return frames.PROTOCOL_ERROR
        self.manager.http2_stats.trailers.value += 1
        owner: Http2Stream = stream.owner
        owner.receive(b"", True, found)
        return 0

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        owner: Http2Stream = stream.owner
        owner.receive(data, end, None)
        if not end and owner.finished and stream.state == HALF_CLOSED_LOCAL:
            self.codec.reset(stream, frames.NO_ERROR)  # answered already: RFC 9113 8.1

    def on_stream_reset(self, stream: Stream, code: int, by_peer: bool) -> None:
        stats = self.manager.http2_stats
        (stats.rx_reset if by_peer else stats.tx_reset).value += 1
        self._lost(stream)
        self.rest_if_idle()

    def on_blocked(self, stream: Stream, blocked: bool) -> None:
        owner: Http2Stream | None = stream.owner
        if owner is not None and owner.exchange is not None:
            owner.exchange.on_response_paused(blocked)

    def on_settings(self) -> None:
        pass

    def on_goaway(self, last: int, code: int) -> None:
        """The client opens no more streams."""
        self._draining = True
        self.rest_if_idle()

    def put_back(self, stream: Http2Stream) -> None:
        if len(self.spare) < SPARE_STREAMS_MAX:
            self.spare.append(stream)

    # Idle, drain

    def rest_if_idle(self) -> None:
        """A stream ended: was it the last one?"""
        if not self.codec.streams and not self._ended:
            if self._draining:
                self._farewell()
            else:
                self._rest()

    def _rest(self) -> None:
        if self.manager.idle_timeout_s:
            self.timer.start(self.manager.idle_timeout_s)

    def _idle(self) -> None:
        if not self.codec.streams and not self._ended:
            self.manager.stats.cx_idle_timeout.value += 1
            self._farewell()

    def _too_old(self) -> None:
        """max_connection_duration."""
        self.manager.stats.cx_max_duration.value += 1
        self.drain()

    def _farewell(self) -> None:
        """What the client sends from now on was not processed, and the last GOAWAY says so."""
        self.codec.goaway(last=self.codec.highest)
        self.manager.http2_stats.goaway_sent.value += 1
        self._end()
        self.connection.close(linger=True, linger_s=self.manager.delayed_close_s)

    def drain(self) -> None:
        """RFC 9113 6.8: announce it, serve what is under way and what crosses, then say which the last one was."""
        if self._ended or self._draining:
            return
        self._draining = True
        if self.codec.streams:
            self.codec.goaway()
            self.manager.http2_stats.goaway_sent.value += 1
        else:
            self._farewell()
