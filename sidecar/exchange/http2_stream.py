"""One HTTP/2 request downstream: between the codec's stream and an exchange."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from sidecar.exchange.known_answer import KnownAnswer
from sidecar.protocol import http2_frames as frames
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import CHUNKED, RequestMessage
from sidecar.protocol.http2_headers import STATUS, block_of, field_block, response_block
from sidecar.protocol.http2_streams import CLOSED, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, Stream
from sidecar.protocol.message import Field, Headers, ResponseHead

if TYPE_CHECKING:
    from sidecar.exchange.http2_server import Http2Server
    from sidecar.exchange.request import Exchange

_BODILESS = (204, 304)
_NONE = Stream(0, send_window=0, receive_window=0, opened_s=0.0)


class Http2Stream:
    """Used again for another request when it ended well, for the sake of its timer."""

    __slots__ = (
        "_early",
        "_expect_continue",
        "_head_only",
        "_server",
        "_stream",
        "accepted",
        "exchange",
        "finished",
        "timer",
        "tunnel",
    )

    def __init__(self, server: Http2Server) -> None:
        self._server = server
        self._stream = _NONE
        self.accepted = server.accepted
        self.timer = server.connection.dispatcher.timer(self._timed_out)
        self.exchange: Exchange | None = None
        self.finished = False
        self.tunnel = False
        self._early: list[bytes] = []
        self._expect_continue = False
        self._head_only = False

    # From the client

    def _take(self, stream: Stream) -> None:
        self._stream = stream
        self.finished = False
        self.tunnel = False
        self._early = []
        self._expect_continue = self._head_only = False

    def begin(self, stream: Stream, message: RequestMessage, *, end: bool) -> None:
        self._take(stream)
        manager = self._server.manager
        manager.http2_stats.streams_active.value += 1
        head = message.head
        self._head_only = head.method == b"HEAD"
        upgrade = message.upgrade
        if upgrade:
            if message.memo is not None:
                message = RequestMessage(head.twin(), 0, True)
                message.upgrade = upgrade
            if upgrade == b"websocket" and b"sec-websocket-key" not in head.headers:
                # RFC 8441 5.1 has none; an HTTP/1.1 server will not do without.
                key = base64.b64encode(manager.rng.getrandbits(128).to_bytes(16, "big"))
                message.head.headers.append(b"sec-websocket-key", key)
        elif message.framing != CHUNKED:
            stream.expected = message.framing
        exchange = self.exchange = manager.exchange(self, message)
        if manager.request_timeout_s and not end:
            exchange.request_deadline_s = exchange.started_s + manager.request_timeout_s
        # What is behind an upgrade is not a body, and waits until the upstream agreed to it.
        exchange.start(end or bool(upgrade))
        if message.expect_continue and self.exchange is exchange:
            self._expect_continue = True
            self.send_continue()

    def refuse(self, stream: Stream, problem: Malformed, *, end: bool) -> None:
        self._take(stream)
        self._server.manager.http2_stats.streams_active.value += 1
        self._server.manager.refused(self, problem)

    def receive(self, data: bytes, end: bool, trailers: Headers | None) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        if exchange.upgrade and not self.tunnel:
            self._early.append(data)
            if end:
                self.lost()
            return
        exchange.on_request_data(data, end, trailers)

    def lost(self) -> None:
        """The stream was reset, or the connection is gone."""
        exchange, self.exchange = self.exchange, None
        self.timer.stop()
        if not self.finished:
            self.finished = True
            self._server.manager.http2_stats.streams_active.value -= 1
        if exchange is not None:
            exchange.on_downstream_lost()

    def _timed_out(self) -> None:
        if self.exchange is not None:
            self.exchange.on_timer()

    # To the client

    def respond(self, head: ResponseHead, body: bytes, end: bool) -> None:
        self._expect_continue = False
        codec = self._server.codec
        if self._head_only or head.status in _BODILESS:
            body = b""
        codec.send_head(self._stream, response_block(head), end and not body)
        if body:
            codec.send_data(self._stream, body, end)
        if end:
            self._finish()

    def respond_known(self, answer: KnownAnswer, service_time: Field, date: Field, body: bytes) -> None:
        self._expect_continue = False
        codec, stream = self._server.codec, self._stream
        block = answer.block
        if not block:
            block = answer.block = response_block(answer.head)
        block += field_block(service_time)
        if date[3]:
            block += field_block(date)
        if self._head_only or not body:
            codec.send_head(stream, block, True)
        else:
            codec.send_head(stream, block, False)
            codec.send_data(stream, body, True)
        self._finish()

    def respond_upgrade(self, head: ResponseHead, upgrade: bytes) -> None:
        """RFC 8441 5: 200 is what 101 is in HTTP/1.1."""
        self.tunnel = True
        head.headers.remove(b"sec-websocket-accept")
        self._server.codec.send_head(self._stream, block_of(head.headers, STATUS[200]), False)
        early, self._early = self._early, []
        if early and self.exchange is not None:
            self.exchange.on_request_data(b"".join(early), False, None)

    def answer_and_close(self, head: ResponseHead, body: bytes) -> None:
        head.headers.set(b"content-length", b"%d" % len(body))
        self.respond(head, body, True)

    def send_body(self, data: bytes, end: bool, trailers: Headers | None = None) -> None:
        codec, stream = self._server.codec, self._stream
        if end and trailers is not None and len(trailers):
            if data:
                codec.send_data(stream, data, False)
            codec.send_trailers(stream, block_of(trailers))
        else:
            codec.send_data(stream, data, end)
        if end and not self.tunnel:
            self._finish()

    def send_continue(self) -> None:
        if self._expect_continue:
            self._expect_continue = False
            self._server.codec.send_head(self._stream, STATUS[100], False)

    def _finish(self) -> None:
        """The response is complete, or will be when the client takes it."""
        self.exchange = None
        if self.finished:
            return
        self.finished = True
        server, stream = self._server, self._stream
        self.timer.stop()
        server.manager.http2_stats.streams_active.value -= 1
        if stream.state == CLOSED:
            server.put_back(self)
        elif stream.state == HALF_CLOSED_LOCAL:
            server.codec.reset(stream, frames.NO_ERROR)  # the rest of the request is not wanted: RFC 9113 8.1
        server.rest_if_idle()

    def cut(self) -> None:
        self._abandon(frames.INTERNAL_ERROR)

    def end_tunnel(self) -> None:
        stream = self._stream
        if stream.state in (CLOSED, HALF_CLOSED_REMOTE):
            self._finish()
        else:
            self._abandon(frames.NO_ERROR if not stream.pending else frames.CANCEL)

    def _abandon(self, code: int) -> None:
        self.exchange = None
        self.timer.stop()
        server = self._server
        if not self.finished:
            self.finished = True
            server.manager.http2_stats.streams_active.value -= 1
            server.manager.http2_stats.tx_reset.value += 1
        server.codec.reset(self._stream, code)
        server.rest_if_idle()

    def close_after(self) -> None:
        """Other streams of the connection are not touched by what happened to this one."""

    def pause_reading(self) -> None:
        self._server.codec.pause(self._stream)

    def resume_reading(self) -> None:
        self._server.codec.resume(self._stream)
