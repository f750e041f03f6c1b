"""One HTTP/2 connection upstream, and the requests that share it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from sidecar.exchange.http1_client import INFORMATIONAL_MAX, Consumer, Reset
from sidecar.net.addresses import local_endpoint
from sidecar.net.connection import Connection
from sidecar.net.san import NO_PEER
from sidecar.net.tls import peer_names
from sidecar.protocol import http2_frames as frames
from sidecar.protocol.hpack_decoder import Block
from sidecar.protocol.http1_fields import FIELDS_MAX, Malformed
from sidecar.protocol.http2_connection import Http2Connection
from sidecar.protocol.http2_headers import block_of, response, trailers
from sidecar.protocol.http2_sending import Http2Options
from sidecar.protocol.http2_streams import CLOSED, Stream
from sidecar.protocol.message import Headers

if TYPE_CHECKING:
    from sidecar.exchange.http2_pool import Http2Pool


class Http2Client:
    __slots__ = (
        "_ended", "active", "codec", "connection", "idle_since_s", "local", "local_uri", "names", "opened_s", "pool",
        "requests", "streams_max",
    )  # fmt: skip

    def __init__(self, pool: Http2Pool, connection: Connection, options: Http2Options) -> None:
        self.pool = pool
        self.connection = connection
        self.local = str(local_endpoint(connection.sock))
        self.names = peer_names(connection.sock) if isinstance(connection.sock, ssl.SSLSocket) else NO_PEER
        tls = pool.plan.tls
        self.local_uri = tls.local_uri() if tls is not None else ""
        self.requests = 0
        self.active = 0
        """Requests handed out that have not ended."""
        self.streams_max = options.streams_max
        self.opened_s = self.idle_since_s = connection.dispatcher.time()
        self._ended = False
        self.codec = Http2Connection(
            self, connection.write, options, client=True, all_written=lambda: not connection.out_bytes
        )
        connection.handler = self
        self.codec.start()
        connection.start()

    @property
    def room(self) -> int:
        return min(self.streams_max - self.active, self.codec.room) if not self._ended else 0

    def request(self) -> Http2Request:
        """`room` says whether there is one."""
        self.requests += 1
        self.active += 1
        self.pool.http2_stats.streams_active.value += 1
        return Http2Request(self)

    def released(self) -> None:
        self.active -= 1
        self.pool.http2_stats.streams_active.value -= 1
        self.pool.settle(self)

    # Handler

    def data_received(self, data: bytes) -> None:
        codec = self.codec
        codec.receive(data, self.connection.dispatcher.time())
        if codec.failed and not self._ended:
            self.pool.http2_stats.failed(codec.reason)
            self._end(Reset.PROTOCOL_ERROR, "")
            self.connection.close()

    def eof_received(self) -> None:
        self.connection_lost("")

    def connection_lost(self, reason: str) -> None:
        self._end(Reset.CONNECTION_TERMINATION, reason)
        self.connection.abort()

    def close(self) -> None:
        """Nothing is under way."""
        if not self._ended:
            self._ended = True
            self.codec.goaway(last=0)
            self.connection.close()

    def _end(self, reset: Reset, detail: str) -> None:
        if self._ended:
            return
        self._ended = True
        streams = list(self.codec.streams.values())
        self.codec.streams.clear()
        self.pool.lost(self)
        for stream in streams:
            owner: Http2Request = stream.owner
            owner.ended_by(reset, detail)

    def writing_paused(self) -> None:
        self.codec.set_blocked(True)

    def writing_resumed(self) -> None:
        self.codec.set_blocked(False)

    # Events of the codec

    def on_head(self, stream: Stream, block: Block, end: bool) -> int:
        owner: Http2Request = stream.owner
        return self._unless_over(stream, owner.head(block, end))

    def on_trailers(self, stream: Stream, block: Block) -> int:
        found = trailers(block, FIELDS_MAX)
        if found is None:
            return self._unless_over(stream, frames.PROTOCOL_ERROR)
        self.pool.http2_stats.trailers.value += 1
        owner: Http2Request = stream.owner
        owner.data(b"", True, found)
        return 0

    def _unless_over(self, stream: Stream, problem: int) -> int:
        """A malformed message that was the stream's last: the codec has nobody left to tell of the reset."""
        if problem and stream.state == CLOSED:
            self.on_stream_reset(stream, problem, False)
        return problem

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        owner: Http2Request = stream.owner
        owner.data(data, end, None)

    def on_stream_reset(self, stream: Stream, code: int, by_peer: bool) -> None:
        stats = self.pool.http2_stats
        owner: Http2Request = stream.owner
        if by_peer:
            stats.rx_reset.value += 1
            owner.ended_by(Reset.REMOTE_REFUSED if code == frames.REFUSED_STREAM else Reset.REMOTE_RESET, "")
        else:
            stats.tx_reset.value += 1
            stats.rx_messaging_error.value += 1
            owner.ended_by(Reset.PROTOCOL_ERROR, "")

    def on_blocked(self, stream: Stream, blocked: bool) -> None:
        owner: Http2Request = stream.owner
        if owner.consumer is not None:
            owner.consumer.on_request_paused(blocked)

    def on_settings(self) -> None:
        self.pool.settle(self)

    def on_goaway(self, last: int, code: int) -> None:
        """No new requests; those above `last` were not looked at, and may be sent elsewhere (RFC 9113 6.8)."""
        self.pool.retire(self)
        for stream in [one for one in self.codec.streams.values() if one.id > last]:
            self.codec.reset(stream, frames.CANCEL)
            owner: Http2Request = stream.owner
            owner.ended_by(Reset.REMOTE_REFUSED, "")
        self.pool.settle(self)


class Http2Request:
    """One stream of an upstream connection."""

    http2 = True
    __slots__ = (
        "_client",
        "_informational",
        "_method",
        "_started",
        "_stream",
        "consumer",
        "local",
        "local_uri",
        "names",
    )

    def __init__(self, client: Http2Client) -> None:
        self._client = client
        self._stream: Stream | None = None
        self._method = b""
        self._started = False
        self._informational = 0
        self.consumer: Consumer | None = None
        self.local = client.local
        self.local_uri = client.local_uri
        self.names = client.names

    @property
    def reused(self) -> bool:
        return self._client.requests > 1

    @property
    def silent(self) -> bool:
        return not self._started

    # The request

    def send(
        self, consumer: Consumer, head: bytes, method: bytes, *, end: bool, chunked: bool, upgrade: bytes = b""
    ) -> None:
        codec = self._client.codec
        self.consumer = consumer
        self._method = method
        stream = self._stream = codec.open(self._client.connection.dispatcher.time())
        stream.owner = self
        codec.send_head(stream, head, end)

    def send_body(self, data: bytes, end: bool, trailers: Headers | None = None) -> None:
        codec, stream = self._client.codec, self._stream
        assert stream is not None
        if end and trailers is not None and len(trailers):
            if data:
                codec.send_data(stream, data, False)
            codec.send_trailers(stream, block_of(trailers))
        else:
            codec.send_data(stream, data, end)

    def abandon(self) -> None:
        if self._detach() is not None and self._stream is not None:
            self._client.pool.http2_stats.tx_reset.value += 1
            self._client.codec.reset(self._stream, frames.CANCEL)
            self._client.released()

    def pause_reading(self) -> None:
        if self._stream is not None:
            self._client.codec.pause(self._stream)

    def resume_reading(self) -> None:
        if self._stream is not None:
            self._client.codec.resume(self._stream)

    def send_tunnel(self, data: bytes, end: bool) -> None:
        self.send_body(data, end)

    def end_tunnel(self) -> None:
        self.abandon()

    # The response

    def _detach(self) -> Consumer | None:
        consumer, self.consumer = self.consumer, None
        return consumer

    def head(self, block: Block, end: bool) -> int:
        consumer, stream = self.consumer, self._stream
        message = response(block, method=self._method, end=end, fields_max=FIELDS_MAX)
        if isinstance(message, Malformed) or consumer is None or stream is None:
            return frames.PROTOCOL_ERROR
        status = message.head.status
        if status < 200:
            self._informational += 1
            if end or self._informational > INFORMATIONAL_MAX:
                return frames.PROTOCOL_ERROR
            stream.head_received = False
            if status == 100:
                consumer.on_continue()
            return 0
        self._started = True
        if message.framing >= 0 and not end:
            stream.expected = message.framing
        if end:
            self._complete()
        consumer.on_response(message, b"", end)
        return 0

    def data(self, data: bytes, end: bool, trailers: Headers | None) -> None:
        consumer = self.consumer
        if consumer is None:
            return
        if end:
            self._complete()
        if data or end:
            consumer.on_data(data, end, trailers)

    def _complete(self) -> None:
        """The response ended. What is left of the request is not wanted (RFC 9113 8.1)."""
        stream = self._stream
        self.consumer = None
        if stream is not None and stream.state != CLOSED:
            self._client.codec.reset(stream, frames.NO_ERROR)
        self._client.released()

    def ended_by(self, reset: Reset, detail: str) -> None:
        consumer = self._detach()
        if consumer is not None:
            self._client.released()
            consumer.on_reset(reset, detail)
