"""One question to one host: an HTTP/1.1 request, or bytes over TCP. A probe keeps its connection if it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from sidecar.balancing.health import Verdict
from sidecar.config.health_check import HttpHealthCheck, TcpHealthCheck
from sidecar.config.matching import Int64Range
from sidecar.exchange.http1_client import Http1Client, Reset
from sidecar.exchange.upstream import Upstream
from sidecar.net.connection import Connection
from sidecar.net.dial import Dial, Dialled, Failed, Plan
from sidecar.net.dispatcher import Dispatcher
from sidecar.protocol.http1_response import ResponseMessage
from sidecar.protocol.http1_write import request_head
from sidecar.protocol.message import Headers, RequestHead
from sidecar.routing.header_edits import compile_edits
from sidecar.telemetry.record import ExchangeRecord

RECEIVED_BYTES_MAX = 64 * 1024
"""Of a TCP answer, while what is expected has not come."""


class Outcome(NamedTuple):
    verdict: Verdict
    degraded: bool = False
    """The answer says the host should only be used when others do not suffice."""


class Probe(Protocol):
    done: Callable[[Outcome], None]

    def ask(self) -> None: ...
    def reset(self) -> None:
        """Give up the connection, and whatever is asked on it, silently."""


class HttpProbe:
    """Consumer of the response, and owner of the connection in place of a pool."""

    __slots__ = (
        "_dial",
        "_dispatcher",
        "_expected",
        "_head",
        "_outcome",
        "_retriable",
        "_reuse",
        "_upstream",
        "done",
        "plan",
    )

    keep_case = False

    def __init__(self, dispatcher: Dispatcher, plan: Plan, config: HttpHealthCheck, *, host: str, reuse: bool) -> None:
        self.done: Callable[[Outcome], None] = lambda _: None
        self.plan = plan
        self._dispatcher = dispatcher
        self._expected = statuses(config.expected_statuses) or range(200, 201)
        self._retriable = statuses(config.retriable_statuses)
        self._reuse = reuse
        self._outcome = Outcome(Verdict.NETWORK)
        self._dial: Dial | None = None
        self._upstream: Http1Client | None = None
        head = RequestHead(config.method.encode(), config.path.encode(), authority=host.encode())
        head.headers.append(b"user-agent", b"Envoy/HC")
        edits = compile_edits(config.request_headers_to_add, config.request_headers_to_remove, "request_headers")
        edits.apply(head.headers, head, None, ExchangeRecord())
        self._head = head

    def ask(self) -> None:
        if self._upstream is not None:
            self.on_connected(self._upstream)
            return
        self._dial = Dial(self._dispatcher, self.plan, self._dialled)
        self._dial.start()

    def _dialled(self, outcome: Dialled | Failed) -> None:
        self._dial = None
        if isinstance(outcome, Failed):
            self.done(Outcome(Verdict.NETWORK))
            return
        self._upstream = Http1Client(self, Connection(self._dispatcher, outcome.sock))
        self.on_connected(self._upstream)

    def on_connected(self, upstream: Upstream) -> None:
        upstream.send(self, request_head(self._head, chunked=False), self._head.method, end=True, chunked=False)

    def reset(self) -> None:
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.cancel()
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.consumer = None
            upstream.connection.abort()

    # Owner of the connection

    def idle(self, upstream: Http1Client) -> None:
        if not self._reuse:
            self.reset()

    def gone(self, upstream: Http1Client) -> None:
        if self._upstream is upstream:
            self._upstream = None

    # Consumer

    def on_continue(self) -> None:
        pass

    def on_response(self, message: ResponseMessage, body: bytes, end: bool) -> None:
        status, headers = message.head.status, message.head.headers
        if status in self._expected:
            self._outcome = Outcome(Verdict.SUCCESS, degraded=b"x-envoy-degraded" in headers)
        else:
            self._outcome = Outcome(Verdict.RETRIABLE if status in self._retriable else Verdict.FAILURE)
        if end:
            self.done(self._outcome)

    def on_data(self, data: bytes, end: bool, trailers: Headers | None) -> None:
        if end:
            self.done(self._outcome)

    def on_reset(self, reset: Reset, detail: str) -> None:
        self._upstream = None
        self.done(Outcome(Verdict.NETWORK))

    def on_request_paused(self, paused: bool) -> None:
        pass


def statuses(ranges: tuple[Int64Range, ...]) -> frozenset[int]:
    return frozenset(status for one in ranges for status in range(one.start, one.end))


class TcpProbe:
    """Handler of its connection. Without anything to receive, to connect is to pass."""

    __slots__ = (
        "_asked",
        "_connection",
        "_dial",
        "_dispatcher",
        "_plan",
        "_received",
        "_reuse",
        "_send",
        "_wanted",
        "done",
    )

    def __init__(self, dispatcher: Dispatcher, plan: Plan, config: TcpHealthCheck, *, reuse: bool) -> None:
        self.done: Callable[[Outcome], None] = lambda _: None
        self._dispatcher = dispatcher
        self._plan = plan
        self._send = config.send.data if config.send is not None else b""
        self._wanted = [one.data for one in config.receive]
        self._reuse = reuse
        self._received = b""
        self._asked = False
        self._dial: Dial | None = None
        self._connection: Connection | None = None

    def ask(self) -> None:
        if self._connection is not None:
            self._write(self._connection)
            return
        self._dial = Dial(self._dispatcher, self._plan, self._dialled)
        self._dial.start()

    def _dialled(self, outcome: Dialled | Failed) -> None:
        self._dial = None
        if isinstance(outcome, Failed):
            self.done(Outcome(Verdict.NETWORK))
            return
        connection = self._connection = Connection(self._dispatcher, outcome.sock, self)
        connection.start()
        if self._wanted:
            self._write(connection)
        else:
            self.reset()
            self.done(Outcome(Verdict.SUCCESS))

    def _write(self, connection: Connection) -> None:
        self._received = b""
        self._asked = True
        connection.write(self._send)

    def reset(self) -> None:
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    # Handler

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            return
        self._received += data
        if contains(self._received, self._wanted):
            self._asked = False
            if not self._reuse:
                self.reset()
            self.done(Outcome(Verdict.SUCCESS))
        elif len(self._received) > RECEIVED_BYTES_MAX:
            self.reset()
            self.done(Outcome(Verdict.NETWORK))

    def eof_received(self) -> None:
        # Envoy also counts a kept connection that the host closes between two checks.
        self.reset()
        self.done(Outcome(Verdict.NETWORK))

    def connection_lost(self, reason: str) -> None:
        self.eof_received()

    def writing_paused(self) -> None:
        pass

    def writing_resumed(self) -> None:
        pass


def contains(data: bytes, wanted: list[bytes]) -> bool:
    """All of `wanted`, in order, with anything in between."""
    at = 0
    for one in wanted:
        found = data.find(one, at)
        if found < 0:
            return False
        at = found + len(one)
    return True
