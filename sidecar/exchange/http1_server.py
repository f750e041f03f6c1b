"""One HTTP/1 connection downstream: requests out of bytes, one after the other, and responses into bytes.

It knows framing, pipelining, keep-alive and half-close. What a request means is its exchange's matter, which sees only
the `Stream` side of this class and could as well be carried by another protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.net.connection import Connection
from sidecar.protocol.http1_body import BodyReader, body_reader
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import RequestMessage, find_head_end, first_line_problem
from sidecar.protocol.http1_write import CONTINUE, chunk, last_chunk, response_head
from sidecar.protocol.message import Field, Headers, ResponseHead

if TYPE_CHECKING:
    from sidecar.exchange.known_answer import KnownAnswer
    from sidecar.exchange.manager import Manager
    from sidecar.exchange.request import Exchange
    from sidecar.net.accepted import Accepted
    from sidecar.net.timers import Timer

READ_AHEAD_BYTES_MAX = 64 * 1024
"""Pipelined bytes kept while a request is under way."""
_BODILESS = (204, 304)


class Http1Server:
    __slots__ = (
        "_body",
        "_broken",
        "_buffer",
        "_chunked",
        "_expect_continue",
        "_head_done",
        "_keep_alive",
        "_parsing",
        "_started_s",
        "accepted",
        "age",
        "connection",
        "draining",
        "exchange",
        "heads",
        "manager",
        "method",
        "requests",
        "timer",
        "tunnel",
        "version",
    )

    def __init__(self, manager: Manager, connection: Connection, accepted: Accepted) -> None:
        self.manager = manager
        self.connection = connection
        self.accepted = accepted
        self.exchange: Exchange | None = None
        self.requests = 0
        self.version = 11
        self.method = b""
        self.tunnel = False
        self._body: BodyReader | None = None
        self._broken = False
        """The request's body was malformed: more of it may be on its way."""
        self._buffer = b""
        self._chunked = False
        self._head_done = False
        self._keep_alive = True
        self._expect_continue = False
        self._parsing = False
        self._started_s = 0.0
        self.draining = manager.draining
        """The response under way, or the next one, is the last."""
        self.heads = manager.heads if manager.heads_by_port is None else manager.heads_for(accepted.local.port)
        self.timer = connection.dispatcher.timer(self._timed_out)
        self.age: Timer | None = None
        connection.handler = self
        manager.opened(self)
        if manager.connection_s:
            self.age = connection.dispatcher.timer(self._too_old)
            self.age.start(manager.connection_s)
        if manager.idle_timeout_s:
            self.timer.start(manager.idle_timeout_s)

    # Handler: what the client sends

    def data_received(self, data: bytes) -> None:
        if self.tunnel:
            assert self.exchange is not None
            self.exchange.on_request_data(data, False, None)
            return
        body = self._body
        if body is not None:
            self._feed(body, data)
            return
        buffer = self._buffer
        if not buffer and self.exchange is None and not self._head_done:
            message = self.heads.by_bytes.get(data)
            if message is not None:  # exactly one head that came before: the common case of keep-alive
                self._begin(message, b"")
                return
        self._buffer = buffer + data if buffer else data
        if self.exchange is None:
            self._parse()
        elif len(self._buffer) > READ_AHEAD_BYTES_MAX:
            self.connection.pause_reading()

    def _parse(self) -> None:
        """Take requests from the buffer until one is under way or more bytes are needed."""
        if self._parsing:
            return
        self._parsing = True
        try:
            while self._buffer and self.exchange is None and not self.connection.closing:
                if not self._take_head():
                    break
        finally:
            self._parsing = False

    def _take_head(self) -> bool:
        manager = self.manager
        data = self._buffer
        if data[0] == 0x0D and not self._head_done:
            # RFC 9112 2.2: one empty line ahead of a request line is forgiven.
            if data[:2] == b"\r\n":
                data = data[2:]
            elif data == b"\r":
                return False
            self._head_done = True
            self._buffer = data
            if not data:
                return False
        limit = manager.head_options.head_bytes_max
        end = find_head_end(data, limit)
        if end == -1:
            problem = first_line_problem(data)
            if problem is None:
                self.wait_for_head()
            else:
                self._refuse(problem)
            return False
        message = end if isinstance(end, Malformed) else self.heads.parse(data[: end + 4])
        if isinstance(message, Malformed) or isinstance(end, Malformed):
            assert isinstance(message, Malformed)
            self._refuse(message)
            return False
        self._head_done = False
        self._begin(message, data[end + 4 :])
        return True

    def wait_for_head(self) -> None:
        manager = self.manager
        if manager.head_limit is not None and not self._started_s:
            self._started_s = self.connection.dispatcher.time()
            self.timer.start(manager.head_limit[0])

    def _begin(self, message: RequestMessage, rest: bytes) -> None:
        head = message.head
        self.requests += 1
        self.version = head.version
        self.method = head.method
        self._keep_alive = message.keep_alive
        self._expect_continue = message.expect_continue
        manager = self.manager
        if self.requests == manager.requests_max:
            manager.stats.cx_max_requests.value += 1
            self.draining = True
        started_s, self._started_s = self._started_s, 0.0
        exchange = self.exchange = manager.exchange(self, message)
        if message.framing == 0:
            self._buffer = rest
            exchange.start(True)
            return
        if manager.request_timeout_s:
            exchange.request_deadline_s = (started_s or exchange.started_s) + manager.request_timeout_s
        self._body = reader = body_reader(message.framing)
        self._buffer = b""
        exchange.start(False)
        if message.expect_continue and self.exchange is exchange and not rest and not manager.config.proxy_100_continue:
            self.send_continue()
        if rest and self.exchange is exchange and self._body is reader:
            self._feed(reader, rest)
        if self.connection.eof and self.exchange is exchange and self._body is reader:
            self.connection_lost("")  # the rest of the body will never come

    def _feed(self, body: BodyReader, data: bytes) -> None:
        exchange = self.exchange
        assert exchange is not None
        piece = body.feed(data)
        if isinstance(piece, Malformed):
            self._body = None
            self._broken = True
            self._keep_alive = False
            exchange.on_malformed(piece)
            return
        if piece.done:
            self._body = None
            self._buffer = piece.rest
        if piece.body or piece.done:
            exchange.on_request_data(piece.body, piece.done, piece.trailers if self.manager.trailers else None)

    def eof_received(self) -> None:
        """Half-close: a client that sent its whole requests still gets its answers (RFC 9112 9.6)."""
        exchange = self.exchange
        if exchange is None:
            self._parse_rest()
        elif self.tunnel:
            exchange.on_request_data(b"", True, None)
        elif self._body is not None:
            self.connection_lost("")
        elif not self._buffer:
            self._keep_alive = False

    def _parse_rest(self) -> None:
        """The client writes no more: what it sent ahead is all there will be."""
        self._parse()
        if self.exchange is None:
            self.close()

    def connection_lost(self, reason: str) -> None:
        exchange, self.exchange = self.exchange, None
        self._gone()
        self.connection.abort()
        if exchange is not None:
            exchange.on_downstream_lost()

    def writing_paused(self) -> None:
        if self.exchange is not None:
            self.exchange.on_response_paused(True)

    def writing_resumed(self) -> None:
        if self.exchange is not None:
            self.exchange.on_response_paused(False)

    # Stream: what the exchange sends

    def respond(self, head: ResponseHead, body: bytes, end: bool) -> None:
        """The response head, with what there is of the body."""
        headers = head.headers
        status = head.status
        bodiless = self.method == b"HEAD" or status in _BODILESS
        self._chunked = False
        self._expect_continue = False
        if not bodiless and b"content-length" not in headers:
            if end:
                headers.append(b"content-length", b"%d" % len(body))
            elif self.version == 11:
                self._chunked = True
            else:
                self._keep_alive = False
        if self._body is not None or self.draining:
            self._keep_alive = False  # an unread request body would be taken for the next request
        close = not self._keep_alive
        wire = response_head(head, chunked=self._chunked, close=close)
        if not body or bodiless:
            self.connection.write(wire)
        elif self._chunked:
            self.connection.write(b"%s%x\r\n%s\r\n" % (wire, len(body), body))
        else:
            self.connection.write(wire + body if len(body) < 4096 else wire)
            if len(body) >= 4096:
                self.connection.write(body)
        if end:
            self.finish()

    def respond_known(self, answer: KnownAnswer, service_time: Field, date: Field, body: bytes) -> None:
        """A whole response, with its content-length among the fields."""
        self._expect_continue = False
        if self._body is not None or self.draining:
            self._keep_alive = False
        end = b"\r\n" if self._keep_alive else b"connection: close\r\n\r\n"
        self.connection.write(b"%s%s%s%s%s" % (answer.lines, service_time[3], date[3], end, body))
        self.finish()

    def answer_and_close(self, head: ResponseHead, body: bytes) -> None:
        """To a request that could not be read: after the answer nothing more is understood."""
        if body:
            head.headers.set(b"content-length", b"%d" % len(body))
        else:
            head.headers.append(b"content-length", b"0")
        self.connection.write(response_head(head, chunked=False, close=True) + body)
        self.close(linger=True)

    def respond_upgrade(self, head: ResponseHead, upgrade: bytes) -> None:
        """101: from here on bytes go through as they are."""
        self.tunnel = True
        self._keep_alive = False
        self.connection.write(response_head(head, chunked=False, close=False, upgrade=upgrade))
        rest, self._buffer = self._buffer, b""
        if rest and self.exchange is not None:
            self.exchange.on_request_data(rest, False, None)

    def send_body(self, data: bytes, end: bool, trailers: Headers | None = None) -> None:
        if self._chunked and not self.tunnel:
            if data:
                self.connection.write(chunk(data))
            if end:
                self.connection.write(last_chunk(trailers if self.manager.trailers else None))
        elif data:
            self.connection.write(data)
        if not end:
            return
        if self.tunnel:
            self.connection.write_eof()
        else:
            self.finish()

    def send_continue(self) -> None:
        if self._expect_continue:
            self._expect_continue = False
            self.connection.write(CONTINUE)

    def finish(self) -> None:
        """The response is complete: on to the next request, or an end."""
        self.exchange = None
        manager, connection = self.manager, self.connection
        if not self._keep_alive or self._body is not None or self.draining or (connection.eof and not self._buffer):
            # Unread input would turn our close into a reset and might destroy the answer.
            self.close(linger=self._body is not None or bool(self._buffer) or self._broken)
            return
        if manager.idle_timeout_s:
            self.timer.start(manager.idle_timeout_s)
        else:
            self.timer.stop()
        if self._buffer and not self._parsing:
            connection.dispatcher.loop.call_soon(self._parse_rest if connection.eof else self._parse)
        connection.resume_reading()

    def close_after(self) -> None:
        """The response about to be sent is the last one."""
        self._keep_alive = False

    def end_tunnel(self) -> None:
        self.exchange = None
        self.close()

    def pause_reading(self) -> None:
        self.connection.pause_reading()

    def resume_reading(self) -> None:
        self.connection.resume_reading()

    def cut(self) -> None:
        """The response cannot be completed: the client must see a failure, never a clean end."""
        self.exchange = None
        self._gone()
        self.connection.abort(reset=True)

    def close(self, *, linger: bool = False) -> None:
        self._gone()
        self.connection.close(linger=linger, linger_s=self.manager.delayed_close_s)

    def _gone(self) -> None:
        self.timer.stop()
        if self.age is not None:
            self.age.stop()
        self.manager.closed(self)

    def _refuse(self, problem: Malformed) -> None:
        """A head that cannot be read: answer and close, nothing after it can be trusted."""
        self._keep_alive = False
        self.version = 11
        self.method = b""
        self._buffer = b""
        self.manager.refused(self, problem)

    def _timed_out(self) -> None:
        if self.exchange is not None:
            self.exchange.on_timer()
        elif self._started_s:
            self._keep_alive = False
            assert self.manager.head_limit is not None
            self.manager.head_timed_out(self, self.manager.head_limit[1])
        else:
            self.manager.stats.cx_idle_timeout.value += 1
            self.close()

    def _too_old(self) -> None:
        """max_connection_duration, and `drain_timeout` after it: a client that goes on meanwhile is told to leave."""
        manager = self.manager
        if not self.draining and self.age is not None:
            manager.stats.cx_max_duration.value += 1
            self.draining = True
            self.age.start(manager.config.drain_timeout)
        elif self.exchange is None:
            self.close(linger=True)

    def give_up(self) -> None:
        """Another codec takes the connection over."""
        self._gone()
        self.manager.stats.cx_total.value -= 1  # it is counted again

    def drain(self) -> None:
        """Idle: close now. Busy: after this response."""
        self.draining = True
        if self.exchange is None:
            self.close(linger=True)
