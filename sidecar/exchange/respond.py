"""What the client of an exchange sees and when: the response, our own answers, timeouts, and the end.

Between `Attempts` (the upstream side) and `Exchange` (the request's way to it).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sidecar.balancing.retry import Outcome
from sidecar.exchange import local_reply
from sidecar.exchange.attempts import Attempts
from sidecar.exchange.finish import fill_record
from sidecar.exchange.known_answer import SERVICE_TIME, KnownAnswer, known_answer
from sidecar.exchange.local_reply import Reply
from sidecar.exchange.tracing import Context, custom_tags
from sidecar.net.timers import NEVER
from sidecar.policy.metadata_match import NO_METADATA, Metadata
from sidecar.protocol.http1_head import RequestMessage
from sidecar.protocol.http1_response import ResponseMessage
from sidecar.protocol.message import Field, Headers, ResponseHead, field
from sidecar.routing.decision import RouteDecision
from sidecar.telemetry.record import ExchangeRecord, Peer

if TYPE_CHECKING:
    from sidecar.exchange.downstream import Downstream
    from sidecar.exchange.manager import Manager

SERVICE_TIMES = tuple(field(SERVICE_TIME, b"%d" % ms) for ms in range(100))
"""Most answers come within these milliseconds: their field is ready."""


_NO_FIELD: Field = (b"", b"", b"", b"")


class Responding(Attempts):
    decision: RouteDecision | None = None
    response: ResponseHead | None = None
    context: Context | None = None
    origin: bytes | None = None
    metadata: Metadata = NO_METADATA
    """What filters said of the request for those after them."""
    peer: Peer | None = None
    upstream_peer: Peer | None = None
    request_id = b""
    _record: ExchangeRecord | None = None
    cookies: tuple[bytes, ...] = ()
    """set-cookie values that the choice of the host made."""
    finished = False
    _endings: tuple[Callable[[], None], ...] = ()
    bytes_received = 0
    bytes_sent = 0
    request_received_s = -1.0
    response_started_s = -1.0
    route_deadline_s = NEVER
    stream_deadline_s = NEVER
    request_deadline_s = NEVER
    """Until the request is complete."""

    def __init__(self, manager: Manager, stream: Downstream, message: RequestMessage) -> None:
        self.dispatcher = manager.dispatcher
        self.head = message.head
        self.manager = manager
        self.stream = stream
        self.framing = message.framing
        self.memo = message.memo
        self.redirect = message.redirect
        if message.upgrade:
            self.upgrade = message.upgrade
        self.wall_s = time.time()
        self.started_s = self.last_activity_s = manager.dispatcher.time()
        self.idle_s = manager.stream_idle_s

    @property
    def record(self) -> ExchangeRecord:
        """Made when somebody has something to say in it."""
        record = self._record
        if record is None:
            record = self._record = ExchangeRecord()
        return record

    # To the client

    def on_continue(self) -> None:
        self.stream.send_continue()

    def _deliver(self, message: ResponseMessage, body: bytes, end: bool) -> None:
        manager = self.manager
        self.responded = True
        now = self.response_started_s = self.last_activity_s = self.dispatcher.time()
        self.route_deadline_s = NEVER
        memo = message.memo
        if memo is not None and end and manager.plain_answers and self.origin is None and self.attempts == 1:
            answer = memo.get(manager) or known_answer(message, manager)
            if answer is not None and self.decision is not None and self.decision.plain_answers:
                self._deliver_known(answer, body, now)
                return
        head = message.head if memo is None else message.head.twin()
        headers = head.headers
        assert self.cluster is not None
        metadata = manager.exchange_metadata
        if metadata is not None and metadata.discovers_upstream:
            upstream = self.used_upstream
            self.upstream_peer = metadata.take(headers, trusted=upstream is not None and bool(upstream.names.uris))
        if manager.envoy_headers:
            headers.remove(SERVICE_TIME)
            headers.add(self._service_time(now))
        for cookie in self.cookies:
            headers.append(b"set-cookie", cookie)
        self._decorate(head)
        if self.attempts > 1:
            self.cluster.stats.rq_retry_success.value += head.status < 500
        if message.head.status == 101:
            self.stream.respond_upgrade(head, message.upgrade)
            if body:
                self.on_data(body, False, None)
            return
        self.bytes_sent += len(body)
        self.cluster.stats.answered(head.status)
        self.cluster.stats.rq_time.record((now - self.sent_s) * 1000)
        if end:
            self.upstream = None
            flags = "URX" if self.exhausted and self._status_is_retriable(head) else ""
            self.stream.respond(head, body, True)
            self._finish(flags, "via_upstream")
        else:
            self.stream.respond(head, body, False)

    def _service_time(self, now: float) -> Field:
        spent_ms = ((now - self.sent_s) * 1000).__trunc__()
        return SERVICE_TIMES[spent_ms] if spent_ms < len(SERVICE_TIMES) else field(SERVICE_TIME, b"%d" % spent_ms)

    def _deliver_known(self, answer: KnownAnswer, body: bytes, now: float) -> None:
        """A whole response whose head came before."""
        cluster, manager, head = self.cluster, self.manager, answer.head
        assert cluster is not None
        self.upstream = None
        time_field = self._service_time(now)
        date = _NO_FIELD if answer.dated else manager.date()
        if manager.keeps_records or (self.context is not None and self.context.sampled):
            head = head.twin()
            head.headers.add(time_field)
            if not answer.dated:
                head.headers.add(date)
        self.response = head
        self.bytes_sent = len(body)
        cluster.stats.answered(head.status)
        cluster.stats.rq_time.record((now - self.sent_s) * 1000)
        self.stream.respond_known(answer, time_field, date, body)
        self._finish("", "via_upstream")

    def _status_is_retriable(self, head: ResponseHead) -> bool:
        return self.retry.retriable(Outcome.RESPONSE, head.status)

    def _decorate(self, head: ResponseHead) -> None:
        """What every answer carries: route edits, cors, server, date, peer metadata."""
        manager, decision = self.manager, self.decision
        headers = head.headers
        self.response = head
        if decision is not None:
            if self.origin is not None and decision.cors is not None:
                decision.cors.mark(headers, self.origin)
            if decision.edits.response:
                if decision.edits.response_reads:
                    fill_record(self, "", "", self.dispatcher.time() - self.started_s)
                decision.edit_response(head, self.head, self.record)
            if decision.route.attempt_count_in_response:
                headers.set(b"x-envoy-attempt-count", b"%d" % self.attempts)
        if manager.encoders:
            self._encode(head)
        metadata = manager.exchange_metadata
        if metadata is not None and metadata.tells_downstream and self.peer is not None:
            metadata.tell(headers)
        if manager.config.always_set_request_id_in_response and self.request_id:
            headers.set(b"x-request-id", self.request_id)
        manager.mark_server(headers)
        if b"date" not in headers:
            headers.add(manager.date())

    def _encode(self, head: ResponseHead) -> None:
        """The filters' part in an answer."""
        raise NotImplementedError

    def at_end(self, ending: Callable[[], None]) -> None:
        """Called once, when the exchange is over in whatever way."""
        self._endings += (ending,)

    def on_data(self, data: bytes, end: bool, trailers: Headers | None) -> None:
        self.bytes_sent += len(data)
        self.last_activity_s = self.dispatcher.time()
        if self.retry.per_try_idle_s:
            self._try_moves()
        self.stream.send_body(data, end, trailers)
        if end:
            if self.upgrade:
                self._tunnel_ended()
                return
            self.upstream = None
            self._release()
            self._finish("", "via_upstream")

    def _tunnel_ended(self) -> None:
        """The upstream closed its side; the client may have more to say until it closes too."""
        upstream = self.upstream
        if upstream is None:
            return
        self.upstream = None
        upstream.end_tunnel()
        self._release()
        self._finish("", "via_upstream")
        self.stream.end_tunnel()

    def _reply(self, reply: Reply) -> None:
        """Answer by ourselves; if the client was already answered there is nothing more to say."""
        if self.finished:
            return
        self._abandon()
        if self.responded:
            self._cut(reply.flags, reply.details)
            return
        self.responded = True
        head, body = local_reply.response(reply, self.head)
        if self.cluster is not None:
            self.cluster.stats.answered(reply.status)
        self._decorate(head)
        self.bytes_sent += len(body)
        if reply.close:
            self.stream.close_after()
        flags = f"URX,{reply.flags}" if self.exhausted and reply.flags in ("UF", "UC", "UT", "UPE") else reply.flags
        self.stream.respond(head, body, True)
        self._finish(flags, reply.details)

    def _cut(self, flag: str, details: str) -> None:
        if self.finished:
            return
        self._abandon()
        self.stream.cut()
        self._finish(flag, details)

    # Time

    def _arm(self) -> None:
        """The stream's timer at the earliest of our deadlines."""
        due = self.route_deadline_s
        due = min(due, self.try_deadline_s, self.try_idle_deadline_s)
        due = min(due, self.stream_deadline_s)
        if not self.request_done:
            due = min(due, self.request_deadline_s)
        if self.idle_s and self.last_activity_s + self.idle_s < due:
            due = self.last_activity_s + self.idle_s
        if due == NEVER:
            self.stream.timer.stop()
        else:
            self.stream.timer.start_at(due)

    def on_timer(self) -> None:
        now = self.dispatcher.time() + 0.001
        stats = self.manager.stats
        if now >= self.stream_deadline_s:
            stats.rq_max_duration.value += 1
            self._reply(local_reply.MAX_DURATION if self.request_done else local_reply.REQUEST_MAX_DURATION)
        elif now >= self.request_deadline_s and not self.request_done:
            stats.rq_timeout.value += 1
            self._reply(local_reply.REQUEST_TIMEOUT)
        elif now >= self.route_deadline_s and not self.responded:
            if self.cluster is not None:
                self.cluster.stats.rq_timeout.value += 1
                if self.host is not None:
                    self.cluster.failed(self.host, timeout=True)
            self._reply(local_reply.ROUTE_TIMEOUT)
        elif now >= self.try_deadline_s and not self.responded:
            self._per_try_timeout()
        elif now >= self.try_idle_deadline_s and self.host is not None:
            self._per_try_timeout(local_reply.PER_TRY_IDLE)
        elif self.idle_s and now >= self.last_activity_s + self.idle_s:
            stats.rq_idle_timeout.value += 1
            self._reply(local_reply.STREAM_IDLE if self.request_done else local_reply.REQUEST_IDLE)
        else:
            self._arm()

    # The end

    def _finish(self, flags: str, details: str) -> None:
        if self.finished:
            return
        self.finished = True
        for ending in self._endings:
            ending()
        manager = self.manager
        stats = manager.stats
        stats.rq_active.value -= 1
        stats.rq_completed.value += 1
        response = self.response
        now = self.dispatcher.time()
        if response is not None:
            stats.classes[response.status // 100 - 1].value += 1
            stats.rq_time.record((now - self.started_s) * 1000)
        if manager.access_logs or manager.reporter or (self.context is not None and self.context.sampled):
            fill_record(self, flags, details, now - self.started_s)
            if self.context is not None and self.context.sampled and manager.tracer is not None:
                self.record.trace_tags = custom_tags(manager.tracer, self.head.headers)
            manager.sink.finished(self.record)
