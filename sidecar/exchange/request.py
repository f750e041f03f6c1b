"""One request on its way: route, faults, upstream, response, record.

Everything runs inside the callback that brought the bytes. The stream below may be any protocol; `Attempts`, the base,
owns the upstream side; this class owns what the client sees and what is told about it afterwards.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from sidecar.balancing.hosts import Host
from sidecar.balancing.retry import Outcome
from sidecar.exchange import local_reply, mirror
from sidecar.exchange.attempts import Attempts
from sidecar.exchange.finish import fill_record
from sidecar.exchange.local_reply import Reply
from sidecar.exchange.tracing import Context, custom_tags
from sidecar.net.addresses import Endpoint
from sidecar.net.timers import NEVER
from sidecar.policy.fault import ABORT_BODY, FaultDecision
from sidecar.protocol.http1_head import CHUNKED, Malformed, RequestMessage, ResponseMessage
from sidecar.protocol.http1_write import request_head
from sidecar.protocol.message import Headers, ResponseHead
from sidecar.routing.decision import RouteDecision
from sidecar.telemetry.record import ExchangeRecord, Peer

if TYPE_CHECKING:
    from sidecar.exchange.http1_server import Http1Server
    from sidecar.exchange.manager import Manager

NOTHING = b""


class Exchange(Attempts):
    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "context",
        "copies",
        "decision",
        "finished",
        "framing",
        "idle_s",
        "last_activity_s",
        "manager",
        "mirrored",
        "origin",
        "peer",
        "record",
        "request_id",
        "request_received_s",
        "response",
        "response_started_s",
        "route_deadline_s",
        "started_s",
        "stream",
        "stream_deadline_s",
        "upstream_peer",
        "wall_s",
    )

    def __init__(self, manager: Manager, stream: Http1Server, message: RequestMessage) -> None:
        super().__init__(manager.dispatcher, message.head)
        self.manager = manager
        self.stream = stream
        self.framing = message.framing
        self.upgrade = message.upgrade
        self.record = ExchangeRecord()
        self.decision: RouteDecision | None = None
        self.response: ResponseHead | None = None
        self.context: Context | None = None
        self.origin: bytes | None = None
        self.peer: Peer | None = None
        self.upstream_peer: Peer | None = None
        self.mirrored: list[bytes] = []
        self.copies: tuple[mirror.Copy, ...] = ()
        self.request_id = NOTHING
        self.finished = False
        self.bytes_received = 0
        self.bytes_sent = 0
        self.wall_s = time.time()
        self.started_s = self.last_activity_s = manager.dispatcher.time()
        self.request_received_s = -1.0
        self.response_started_s = -1.0
        self.idle_s = manager.stream_idle_s
        self.route_deadline_s = NEVER
        self.stream_deadline_s = NEVER

    # From the client

    def start(self, end: bool) -> None:
        """The head is here; `end`: there is no body."""
        manager = self.manager
        manager.stats.rq_total.value += 1
        manager.stats.rq_active.value += 1
        head = self.head
        accepted = self.stream.accepted
        self.request_done = end
        if end:
            self.request_received_s = self.started_s
        metadata = manager.exchange_metadata
        if metadata is not None and metadata.discovers_downstream:
            self.peer = metadata.take(head.headers, trusted=bool(accepted.names.uris))
        self.request_id = manager.forwarding.apply(
            head, accepted.remote.host, accepted.tls, accepted.names, accepted.local_uri
        )
        if manager.tracer is not None:
            self.context = manager.tracer.begin(head)
        if self._refused():
            return
        table = manager.routes.table
        decision = table.route(head) if table is not None else None
        if decision is None:
            manager.stats.no_route.value += 1
            self._reply(local_reply.NO_ROUTE)
            return
        self.decision = decision
        if manager.stream_s or decision.budget.stream_s:
            self.stream_deadline_s = self.started_s + (decision.budget.stream_s or manager.stream_s)
        if decision.cors is not None and manager.cors and self._cors(decision):
            return
        if manager.fault is not None or decision.fault is not None:
            fault = decision.fault or manager.fault
            assert fault is not None
            drawn = fault.decide(head, decision.cluster, manager.rng)
            if drawn.delay_s or drawn.status:
                self._fault(drawn)
                return
        self._routed()

    def _refused(self) -> bool:
        """Upgrades that are not configured, and CONNECT, which we do not tunnel."""
        head, manager = self.head, self.manager
        if head.method == b"CONNECT":
            self._reply(local_reply.NO_CONNECT_ROUTE)
            return True
        if self.upgrade and not manager.upgrades.get(self.upgrade, False):
            manager.stats.rq_ws_on_non_ws_route.value += 1
            self._reply(local_reply.UPGRADE_REFUSED)
            return True
        return False

    def _cors(self, decision: RouteDecision) -> bool:
        assert decision.cors is not None
        self.origin = decision.cors.allowed_origin(self.head, self.manager.rng)
        preflight = decision.cors.preflight(self.head, self.origin)
        if preflight is None:
            return False
        self._reply(Reply(200, "", "cors_response", headers=tuple(preflight)))
        return True

    def _fault(self, drawn: FaultDecision) -> None:
        flags = "DI" if drawn.delay_s else ""
        self.record.flags = flags
        if drawn.delay_s:
            self.dispatcher.loop.call_later(drawn.delay_s, self._after_delay, drawn)
            self._arm()
        else:
            self._abort(drawn)

    def _after_delay(self, drawn: FaultDecision) -> None:
        if self.finished:
            return
        self.dispatcher.begin()
        try:
            if drawn.status:
                self._abort(drawn)
            else:
                self._routed()
        finally:
            self.dispatcher.end()

    def _abort(self, drawn: FaultDecision) -> None:
        extra = () if drawn.grpc_status is None else ((b"grpc-status", b"%d" % drawn.grpc_status),)
        self._reply(Reply(drawn.status, "FI", "fault_filter_abort", ABORT_BODY, headers=extra))

    def _routed(self) -> None:
        decision = self.decision
        assert decision is not None
        manager, head = self.manager, self.head
        if decision.redirect is not None:
            manager.stats.rq_redirect.value += 1
            location = decision.redirect.location(head)
            self._reply(Reply(decision.redirect.status, "", "direct_response", headers=((b"location", location),)))
            return
        if decision.direct_response is not None:
            manager.stats.rq_direct_response.value += 1
            direct = decision.direct_response
            self._reply(Reply(direct.status, "", "direct_response", direct.body))
            return
        cluster = manager.clusters.get(decision.cluster)
        if cluster is None:
            manager.stats.no_cluster.value += 1
            self._reply(local_reply.NO_CLUSTER._replace(status=decision.route.cluster_not_found_status))
            return
        self.cluster = cluster
        self._prepare(decision)
        if decision.mirrors:
            mirror.start(self, decision.mirrors)
        self._attempt()

    def _prepare(self, decision: RouteDecision) -> None:
        """The request as it goes upstream, and how long it may take."""
        manager, head = self.manager, self.head
        budget = decision.budget
        if self.upgrade and not decision.route.upgrades.get(self.upgrade.decode("latin-1"), True):
            self.upgrade = NOTHING
        self.retry = budget.retry
        self._may_retry = bool(budget.retry.words) and budget.retry.retries > 0 and not self.upgrade
        if budget.idle_s is not None:
            self.idle_s = budget.idle_s
        self.record.path = head.path
        decision.edit_request(head, self.record)
        headers = head.headers
        if manager.envoy_headers and budget.timeout_s:
            headers.append(b"x-envoy-expected-rq-timeout-ms", b"%d" % (budget.timeout_s * 1000).__round__())
        metadata = manager.exchange_metadata
        if metadata is not None and metadata.tells_upstream:
            metadata.tell(headers)
        if self.request_done:
            self._request_complete()
        else:
            self._arm()

    def _request_complete(self) -> None:
        """Envoy's route timeout counts from here."""
        decision = self.decision
        if decision is not None and decision.budget.timeout_s and not self.upgrade:
            self.route_deadline_s = self.dispatcher.time() + decision.budget.timeout_s
        self._arm()

    @property
    def _body_is_chunked(self) -> bool:
        return self.framing == CHUNKED

    def _wire_head(self, host: Host, *, chunked: bool) -> bytes:
        decision = self.decision
        assert decision is not None
        head = self.head
        route = decision.route
        if route.attempt_count_in_request:
            head.headers.set(b"x-envoy-attempt-count", b"%d" % self.attempts)
        if route.auto_host_rewrite and host.endpoint.hostname:
            head.authority = host.endpoint.hostname.encode()
        return request_head(head, chunked=chunked, upgrade=self.upgrade)

    def _destination(self) -> Endpoint | None:
        return self.stream.accepted.original

    def _rng(self) -> random.Random:
        return self.manager.rng

    @property
    def _ended(self) -> bool:
        return self.finished

    def on_request_data(self, data: bytes, end: bool, trailers: Headers | None) -> None:
        self.bytes_received += len(data)
        self.last_activity_s = self.dispatcher.time()
        if end and not self.request_done:
            self.request_done = True
            self.request_received_s = self.last_activity_s
            if self.cluster is not None and not self.responded:
                self._request_complete()
                if self.retry.per_try_timeout_s and self.host is not None:
                    self.try_deadline_s = self.last_activity_s + self.retry.per_try_timeout_s
                    self._arm()
        if self.upgrade and self.responded:
            upstream = self.upstream
            if upstream is not None:
                upstream.connection.write(data)
                if end:
                    upstream.connection.write_eof()
            return
        self._send_body(data, end, trailers)
        if self.copies:
            self._mirror(data, end)

    def _mirror(self, data: bytes, end: bool) -> None:
        self.mirrored.append(data)
        if self.bytes_received > mirror.BODY_BYTES_MAX:
            self.copies = ()
            self.mirrored.clear()
        elif end:
            mirror.finish(self, b"".join(self.mirrored))

    def on_malformed(self, problem: Malformed) -> None:
        """The body is broken: nobody may go on with either connection."""
        self._abandon()
        if self.responded:
            self._cut("DPE", problem.details)
        else:
            self._reply(Reply(problem.status, "DPE", problem.details, close=True))

    def on_downstream_lost(self) -> None:
        if self.finished:
            return
        self.manager.stats.rq_rx_reset.value += 1
        if self.cluster is not None:
            self.cluster.stats.rq_cancelled.value += 1
        self._abandon()
        self._finish("DC", "downstream_remote_disconnect")

    def on_response_paused(self, paused: bool) -> None:
        """The client reads slower than the upstream writes: stop reading the upstream."""
        upstream = self.upstream
        if upstream is not None and upstream.consumer is self:
            if paused:
                upstream.connection.pause_reading()
            else:
                upstream.connection.resume_reading()

    def on_request_paused(self, paused: bool) -> None:
        self._pause_request(paused)

    def _pause_request(self, paused: bool) -> None:
        if paused:
            self.stream.connection.pause_reading()
        else:
            self.stream.connection.resume_reading()

    # To the client

    def on_continue(self) -> None:
        self.stream.send_continue()

    def _deliver(self, message: ResponseMessage, body: bytes, end: bool) -> None:
        manager = self.manager
        head = message.head
        self.responded = True
        now = self.response_started_s = self.last_activity_s = self.dispatcher.time()
        self.route_deadline_s = NEVER
        headers = head.headers
        assert self.cluster is not None
        metadata = manager.exchange_metadata
        if metadata is not None and metadata.discovers_upstream:
            self.upstream_peer = metadata.take(headers, trusted=self.used is not None and bool(self.used.names.uris))
        if manager.envoy_headers:
            headers.set(b"x-envoy-upstream-service-time", b"%d" % ((now - self.sent_s) * 1000))
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

    def _status_is_retriable(self, head: ResponseHead) -> bool:
        return self.retry.retriable(Outcome.RESPONSE, head.status)

    def _decorate(self, head: ResponseHead) -> None:
        """What every answer carries: route edits, cors, server, date, peer metadata."""
        manager, decision = self.manager, self.decision
        headers = head.headers
        self.response = head
        if decision is not None:
            if decision.cors is not None and self.origin is not None:
                decision.cors.mark(headers, self.origin)
            if decision.edits.response:
                decision.edit_response(head, self.head, self.record)
            if decision.route.attempt_count_in_response:
                headers.set(b"x-envoy-attempt-count", b"%d" % self.attempts)
        metadata = manager.exchange_metadata
        if metadata is not None and metadata.tells_downstream and self.peer is not None:
            metadata.tell(headers)
        if manager.config.always_set_request_id_in_response and self.request_id:
            headers.set(b"x-request-id", self.request_id)
        server = manager.server_field
        if server is not None:
            if b"server" in headers:
                if manager.server_overwrites:
                    headers.set(b"server", server[2])
            else:
                headers.add(server)
        if b"date" not in headers:
            headers.add(manager.date())

    def on_data(self, data: bytes, end: bool, trailers: Headers | None) -> None:
        self.bytes_sent += len(data)
        self.last_activity_s = self.dispatcher.time()
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
        upstream.consumer = None
        upstream.pool.gone(upstream)
        upstream.connection.close()
        self._release()
        stream = self.stream
        stream.exchange = None
        self._finish("", "via_upstream")
        stream.close()

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
        due = min(self.route_deadline_s, self.try_deadline_s, self.stream_deadline_s)
        if self.idle_s and self.last_activity_s + self.idle_s < due:
            due = self.last_activity_s + self.idle_s
        timer = self.stream.timer
        if due == NEVER:
            timer.stop()
        else:
            timer.start(due - self.dispatcher.time())

    def on_timer(self) -> None:
        now = self.dispatcher.time() + 0.001
        stats = self.manager.stats
        if now >= self.stream_deadline_s:
            stats.rq_timeout.value += 1
            self._reply(local_reply.MAX_DURATION)
        elif now >= self.route_deadline_s and not self.responded:
            if self.cluster is not None:
                self.cluster.stats.rq_timeout.value += 1
                if self.host is not None:
                    self.cluster.observe(self.host, 504)
            self._reply(local_reply.ROUTE_TIMEOUT)
        elif now >= self.try_deadline_s and not self.responded:
            self._per_try_timeout()
        elif self.idle_s and now >= self.last_activity_s + self.idle_s:
            self._reply(local_reply.STREAM_IDLE if self.request_done else local_reply.REQUEST_IDLE)
        else:
            self._arm()

    # The end

    def _finish(self, flags: str, details: str) -> None:
        if self.finished:
            return
        self.finished = True
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
