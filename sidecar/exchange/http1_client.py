"""One HTTP/1.1 connection upstream: sends a request, reads its response, goes back to its pool or away.

It owns framing and nothing else: what a response means is its consumer's matter. A connection is used again only when
both messages ended where their framing said; any byte that comes unasked ends it.
"""

from __future__ import annotations

import ssl
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Protocol

from sidecar.net.addresses import local_endpoint
from sidecar.net.connection import Connection
from sidecar.net.san import NO_PEER
from sidecar.net.tls import peer_names
from sidecar.protocol.http1_body import BodyReader, CloseReader, body_reader
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import find_head_end
from sidecar.protocol.http1_known import parse_known_response
from sidecar.protocol.http1_response import RESPONSE_HEAD_BYTES_MAX, ResponseMessage, parse_response
from sidecar.protocol.http1_write import chunk, last_chunk
from sidecar.protocol.message import Headers

if TYPE_CHECKING:
    from sidecar.exchange.upstream import Upstream
    from sidecar.net.dial import Plan

INFORMATIONAL_MAX = 8
"""1xx responses ahead of one final response."""


class Reset(Enum):
    """How an attempt ended without a (whole) response; the values are Envoy's words."""

    CONNECTION_FAILURE = "remote connection failure"
    CONNECTION_TIMEOUT = "connection timeout"
    CONNECTION_TERMINATION = "connection termination"
    PROTOCOL_ERROR = "protocol error"
    OVERFLOW = "overflow"
    REMOTE_RESET = "remote reset"
    REMOTE_REFUSED = "remote refused stream reset"


class Consumer(Protocol):
    """Who waits for the response; nothing is called after the end or a reset."""

    def on_connected(self, upstream: Upstream) -> None: ...
    def on_continue(self) -> None: ...
    def on_response(self, message: ResponseMessage, body: bytes, end: bool) -> None: ...
    def on_data(self, data: bytes, end: bool, trailers: Headers | None) -> None: ...
    def on_reset(self, reset: Reset, detail: str) -> None: ...
    def on_request_paused(self, paused: bool) -> None:
        """The upstream reads slower (True) or again fast enough (False) than we write."""


class Owner(Protocol):
    """Who keeps the connection: a pool, or a health check."""

    keep_case: bool
    """Names of response fields go on as they came."""

    @property
    def plan(self) -> Plan: ...
    def idle(self, upstream: Http1Client) -> None: ...
    def gone(self, upstream: Http1Client) -> None: ...


class Http1Client:
    http2 = False
    __slots__ = (
        "_body",
        "_buffer",
        "_chunked",
        "_informational",
        "_keep_alive",
        "_method",
        "_read_head",
        "_request_done",
        "_started",
        "_upgrade",
        "connection",
        "consumer",
        "idle_since_s",
        "local",
        "local_uri",
        "names",
        "opened_s",
        "pool",
        "requests",
        "tunnel",
    )

    def __init__(self, pool: Owner, connection: Connection) -> None:
        self.pool = pool
        self.connection = connection
        self.local = str(local_endpoint(connection.sock))
        self.names = peer_names(connection.sock) if isinstance(connection.sock, ssl.SSLSocket) else NO_PEER
        tls = pool.plan.tls
        self.local_uri = tls.local_uri() if tls is not None else ""
        self.consumer: Consumer | None = None
        self.requests = 0
        self.idle_since_s = 0.0
        self.opened_s = connection.dispatcher.time()
        self._body: BodyReader | None = None
        self._buffer = b""
        self._method = b""
        self._read_head = partial(parse_response, keep_case=True) if pool.keep_case else parse_known_response
        self._chunked = False
        self._upgrade = b""
        self._request_done = False
        self._started = False
        self._keep_alive = False
        self._informational = 0
        self.tunnel = False
        connection.handler = self
        connection.start()

    @property
    def reused(self) -> bool:
        return self.requests > 1

    @property
    def silent(self) -> bool:
        """Nothing of the response has come."""
        return not self._started and not self._buffer

    # The request

    def send(
        self, consumer: Consumer, head: bytes, method: bytes, *, end: bool, chunked: bool, upgrade: bytes = b""
    ) -> None:
        assert self.consumer is None
        self.consumer = consumer
        self.requests += 1
        self._method = method
        self._chunked = chunked
        self._upgrade = upgrade
        self._request_done = end
        self._started = False
        self._informational = 0
        self.connection.write(head)

    def send_body(self, data: bytes, end: bool, trailers: Headers | None = None) -> None:
        if self._chunked:
            data = chunk(data)
            if end:
                data += last_chunk(trailers)
        self.connection.write(data)
        if end:
            self._request_done = True

    def send_tunnel(self, data: bytes, end: bool) -> None:
        self.connection.write(data)
        if end:
            self.connection.write_eof()

    def end_tunnel(self) -> None:
        self.consumer = None
        self.pool.gone(self)
        self.connection.close()

    def pause_reading(self) -> None:
        self.connection.pause_reading()

    def resume_reading(self) -> None:
        self.connection.resume_reading()

    def abandon(self) -> None:
        """The consumer wants no more of this response: the connection cannot be used again."""
        self.consumer = None
        self.pool.gone(self)
        self.connection.abort()

    # The response (Handler)

    def data_received(self, data: bytes) -> None:
        consumer = self.consumer
        if consumer is None:  # unasked: who answers ahead could answer someone else's request
            self.pool.gone(self)
            self.connection.abort()
            return
        body = self._body
        if self.tunnel:
            consumer.on_data(data, False, None)
        elif body is None:
            self._head(consumer, self._buffer + data if self._buffer else data)
        else:
            piece = body.feed(data)
            if isinstance(piece, Malformed):
                self._reset(Reset.PROTOCOL_ERROR, piece.details)
            elif piece.done:
                self._complete(piece.rest)
                consumer.on_data(piece.body, True, piece.trailers)
            elif piece.body:
                consumer.on_data(piece.body, False, None)

    def _head(self, consumer: Consumer, data: bytes) -> None:
        end = find_head_end(data, RESPONSE_HEAD_BYTES_MAX)
        if end == -1:
            self._buffer = data
            return
        message = end if isinstance(end, Malformed) else self._read_head(data[:end], method=self._method)
        if isinstance(message, Malformed) or isinstance(end, Malformed):
            self._reset(Reset.PROTOCOL_ERROR, "")
            return
        rest = data[end + 4 :]
        self._buffer = b""
        status = message.head.status
        if status < 200:
            self._informational_response(consumer, message, rest)
            return
        self._started = True
        self._keep_alive = message.keep_alive
        framing = message.framing
        if 0 <= framing <= len(rest):
            self._complete(rest[framing:] if len(rest) > framing else b"")
            consumer.on_response(message, rest[:framing] if len(rest) > framing else rest, True)
            return
        self._body = reader = body_reader(framing)
        piece = reader.feed(rest)
        if isinstance(piece, Malformed):
            self._reset(Reset.PROTOCOL_ERROR, "")
        elif piece.done:
            self._complete(piece.rest)
            consumer.on_response(message, piece.body, piece.trailers is None)
            if piece.trailers is not None:
                consumer.on_data(b"", True, piece.trailers)
        else:
            consumer.on_response(message, piece.body, False)

    def _informational_response(self, consumer: Consumer, message: ResponseMessage, rest: bytes) -> None:
        status = message.head.status
        self._informational += 1
        if status == 101:
            if not self._upgrade or message.upgrade != self._upgrade:
                self._reset(Reset.PROTOCOL_ERROR, "")  # an unsolicited 101 would turn requests into raw bytes
                return
            self.tunnel = True
            self._started = True
            consumer.on_response(message, rest, False)
            return
        if self._informational > INFORMATIONAL_MAX:
            self._reset(Reset.PROTOCOL_ERROR, "")
            return
        if status == 100:
            consumer.on_continue()
        # 102 and 103 are dropped, as Envoy does for HTTP/1.
        if rest and self.consumer is consumer:
            self._head(consumer, rest)

    def _complete(self, rest: bytes) -> None:
        """The response ended. Give the connection back before the consumer learns of it: it may want it again."""
        self._body = None
        self.consumer = None
        if rest or not self._keep_alive or not self._request_done or self.connection.eof:
            self.pool.gone(self)
            self.connection.close()
        else:
            self.pool.idle(self)

    def eof_received(self) -> None:
        consumer = self.consumer
        if consumer is None:
            self.pool.gone(self)
            self.connection.close()
        elif self.tunnel:
            consumer.on_data(b"", True, None)
        elif self._body is not None and not self._keep_alive and isinstance(self._body, CloseReader):
            self._complete(b"")
            consumer.on_data(b"", True, None)
        else:
            self._reset(Reset.CONNECTION_TERMINATION, "")

    def connection_lost(self, reason: str) -> None:
        self._reset(Reset.CONNECTION_TERMINATION, reason)

    def _reset(self, reset: Reset, detail: str) -> None:
        consumer, self.consumer = self.consumer, None
        self.pool.gone(self)
        self.connection.abort()
        if consumer is not None:
            consumer.on_reset(reset, detail)

    def writing_paused(self) -> None:
        if self.consumer is not None:
            self.consumer.on_request_paused(True)

    def writing_resumed(self) -> None:
        if self.consumer is not None:
            self.consumer.on_request_paused(False)
