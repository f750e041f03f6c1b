"""One request on its way to an upstream: headers, route, faults, mirrors, body.

Everything runs inside the callback that brought the bytes. The stream below may be any protocol. `Attempts` owns the
upstream side, `Responding` what the client sees.
"""

from __future__ import annotations

import random

from sidecar.balancing.hosts import Host
from sidecar.exchange import choice, local_reply, mirror
from sidecar.exchange.attempts import KEPT_BYTES_MAX
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.finish import fill_record
from sidecar.exchange.forwarding import expected_timeout, new_request_id
from sidecar.exchange.local_reply import Reply
from sidecar.exchange.pool import Pool
from sidecar.exchange.prepared import FACTS_MAX, Prepared, prepared, repeatable
from sidecar.exchange.respond import Responding
from sidecar.exchange.step import Waiting
from sidecar.exchange.tracing import Context, fresh_lines
from sidecar.exchange.tracing import write as write_context
from sidecar.policy.cors import Cors
from sidecar.policy.fault import ABORT_BODY, FaultDecision
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import CHUNKED
from sidecar.protocol.http1_write import request_head
from sidecar.protocol.http2_headers import request_block
from sidecar.protocol.message import Headers, ResponseHead
from sidecar.routing.decision import RouteDecision
from sidecar.telemetry.stats import Counter


class Exchange(Responding):
    hash_key: int | None = None
    copies: tuple[mirror.Copy, ...] = ()
    mirrored: tuple[bytes, ...] = ()
    waiting: Waiting | None = None
    wire = b""
    """The head as it goes upstream, if it is the same for every host."""

    # From the client

    def start(self, end: bool) -> None:
        """The head is here; `end`: there is no body."""
        manager = self.manager
        manager.stats.rq_total.value += 1
        manager.stats.rq_active.value += 1
        accepted = self.stream.accepted
        self.request_done = end
        if end:
            self.request_received_s = self.started_s
        memo = self.memo
        if memo is not None:
            known = memo.get(accepted.facts)
            if known is not None and known.table is manager.routes.table and known.decision is not None:
                self._start_prepared(known, known.decision)
                return
            self.head = self.head.twin()
        head = self.head
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
        self.decision = decision
        stream_s = manager.stream_s if decision is None else decision.budget.stream_s or manager.stream_s
        if stream_s:
            self.stream_deadline_s = self.started_s + stream_s
        self.go_on(-1)

    def go_on(self, position: int) -> None:
        """Through the filters after the one at `position`, then on the route. Filters see a request without a route."""
        self.waiting = None
        steps = self.manager.steps
        for place in range(position + 1, len(steps)):
            step = steps[place]
            if step.on(self.decision) and step.answers(self, place):
                return
        if self.decision is None:
            self.manager.stats.no_route.value += 1
            self._reply(local_reply.NO_ROUTE)
        else:
            self._routed()

    def _encode(self, head: ResponseHead) -> None:
        for step in self.manager.encoders:
            if step.on(self.decision):
                step.encode(self, head)

    def wait(self, waiting: Waiting, *, keep_bytes: int = KEPT_BYTES_MAX) -> None:
        """A filter has stopped the request until it calls `go_on`; of the body at most about `keep_bytes` are kept."""
        self.waiting = waiting
        self.kept_bytes_max = max(keep_bytes, KEPT_BYTES_MAX)
        self._arm()

    def answer(self, reply: Reply) -> None:
        """A filter's own answer."""
        self._reply(reply)

    def _start_prepared(self, known: Prepared, decision: RouteDecision) -> None:
        """The same head came before: what is left is what every request has for itself."""
        manager = self.manager
        self.decision = decision
        if manager.makes_ids:
            self.request_id = new_request_id(manager.rng)
        keeps = manager.keeps_records
        context: Context | None = None
        if manager.tracer is not None:
            context = self.context = manager.tracer.fresh()
            keeps = keeps or context.sampled
        if manager.steps and any(step.pass_again(self) for step in manager.steps):
            return
        cluster = manager.clusters.get(decision.cluster)
        simple = not manager.changes_heads and self.framing != CHUNKED and not (cluster is not None and cluster.http2)
        if simple:
            made = b"x-request-id: %s\r\n" % self.request_id if self.request_id else b""
            self.wire = b"%s%s%s\r\n" % (known.lines, made, b"" if context is None else fresh_lines(context))
        if simple and not keeps:
            self.head = known.head
        else:
            self.head = known.head.twin()
            if self.request_id:
                self.head.headers.append(b"x-request-id", self.request_id)
            if context is not None:
                write_context(self.head.headers, context)
        self.peer = known.peer
        if manager.stream_s or decision.budget.stream_s:
            self.stream_deadline_s = self.started_s + (decision.budget.stream_s or manager.stream_s)
        if cluster is None:
            self._no_cluster(decision)
            return
        self.cluster = cluster
        if decision.edits.response:
            self.record.path = known.logged_path
        self._budget(decision, self.started_s)
        self._attempt()

    def _refused(self) -> bool:
        """Upgrades that are not configured, and CONNECT, which we do not tunnel."""
        head, manager = self.head, self.manager
        if head.method == b"CONNECT":
            self._reply(local_reply.NO_CONNECT_ROUTE)
            return True
        if self.redirect:
            self._reply(Reply(307, "", "path_normalization_failed", headers=((b"location", head.path),)))
            return True
        if self.upgrade and not manager.upgrades.get(self.upgrade, False):
            manager.stats.rq_ws_on_non_ws_route.value += 1
            self._reply(local_reply.UPGRADE_REFUSED)
            return True
        return False

    def cors(self, policy: Cors) -> bool:
        """True = it was a preflight, and is answered."""
        self.origin = policy.allowed_origin(self.head, self.manager.rng)
        preflight = policy.preflight(self.head, self.origin)
        if preflight is None:
            return False
        self._reply(Reply(200, "", "cors_response", headers=tuple(preflight)))
        return True

    def fault(self, drawn: FaultDecision, position: int, aborts: Counter | None = None) -> None:
        """By the filter at `position`: those after it have their turn when the delay is over."""
        flags = "DI" if drawn.delay_s else ""
        self.record.flags = flags
        if drawn.delay_s:
            self.dispatcher.loop.call_later(drawn.delay_s, self._after_delay, drawn, position, aborts)
            self._arm()
        else:
            self._abort(drawn, aborts)

    def _after_delay(self, drawn: FaultDecision, position: int, aborts: Counter | None) -> None:
        if self.finished:
            return
        if drawn.status:
            self._abort(drawn, aborts)
        else:
            self.go_on(position)

    def _abort(self, drawn: FaultDecision, aborts: Counter | None) -> None:
        if aborts is not None:
            aborts.value += 1
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
            self._no_cluster(decision)
            return
        self.cluster = cluster
        if self.upgrade and cluster.http2:
            self._reply(local_reply.UPGRADE_REFUSED)  # an extended CONNECT upstream is not supported
            return
        repeats = self.memo is not None and self._repeats(decision)
        self._prepare(decision)
        if repeats:
            self._remember(decision)
        if decision.mirrors:
            mirror.start(self, decision.mirrors)
        self._attempt()

    def _no_cluster(self, decision: RouteDecision) -> None:
        self.manager.stats.no_cluster.value += 1
        self._reply(local_reply.NO_CLUSTER._replace(status=decision.route.cluster_not_found_status))

    def _repeats(self, decision: RouteDecision) -> bool:
        """Whether what was decided holds for every request with these bytes on such a connection; asked once."""
        memo, table, facts = self.memo, self.manager.routes.table, self.stream.accepted.facts
        assert memo is not None
        if table is None or facts < 0 or ((known := memo.get(facts)) is not None and known.table is table):
            return False
        if len(memo) >= FACTS_MAX:
            memo.clear()
        if repeatable(self.manager, table, decision, self.head):
            return True
        memo[facts] = Prepared(table)
        return False

    def _remember(self, decision: RouteDecision) -> None:
        memo, table = self.memo, self.manager.routes.table
        assert memo is not None
        assert table is not None
        memo[self.stream.accepted.facts] = prepared(table, decision, self.head, self.record.path, self.peer)

    def _prepare(self, decision: RouteDecision) -> None:
        """The request as it goes upstream, and how long it may take."""
        manager, head = self.manager, self.head
        if self.upgrade and not decision.route.upgrades.get(self.upgrade.decode("latin-1"), True):
            self.upgrade = b""
        if decision.edits.request_reads:
            fill_record(self, "", "", self.dispatcher.time() - self.started_s)
        self.record.path = head.path
        decision.edit_request(head, self.record)
        headers = head.headers
        timeout_s = decision.budget.timeout_s
        if manager.envoy_headers and timeout_s:
            headers.add(expected_timeout(timeout_s))
        self._budget(decision, self.dispatcher.time())

    def _budget(self, decision: RouteDecision, now: float) -> None:
        """How often it may be tried, and how long all of it may take: if the request is complete, from `now` on."""
        budget = decision.budget
        self.retry = budget.retry
        self.high = decision.route.high
        self._may_retry = budget.retry.retries > 0 and bool(budget.retry.words) and not self.upgrade
        if budget.idle_s is not None:
            self.idle_s = budget.idle_s
        if self.request_done and budget.timeout_s and not self.upgrade:
            self.route_deadline_s = now + budget.timeout_s
        self._arm()

    def _request_complete(self) -> None:
        """Envoy's route timeout counts from here."""
        decision = self.decision
        if decision is not None and decision.budget.timeout_s and not self.upgrade:
            self.route_deadline_s = self.request_received_s + decision.budget.timeout_s
        self._arm()

    @property
    def _body_is_chunked(self) -> bool:
        return self.framing == CHUNKED

    def _wire_head(self, host: Host, *, chunked: bool) -> bytes:
        if self.wire:
            return self.wire
        self._tell_host(host)
        return request_head(self.head, chunked=chunked, upgrade=self.upgrade)

    def _head_block(self, host: Host) -> bytes:
        self._tell_host(host)
        return request_block(self.head)

    def _tell_host(self, host: Host) -> None:
        """What a head says of the attempt, and of the host it goes to."""
        decision = self.decision
        assert decision is not None
        head = self.head
        route = decision.route
        metadata = self.manager.exchange_metadata
        if metadata is not None and metadata.tells_upstream:
            metadata.tell(head.headers, known=host.endpoint.in_mesh)
        if route.attempt_count_in_request:
            head.headers.set(b"x-envoy-attempt-count", b"%d" % self.attempts)
        if route.auto_host_rewrite and host.endpoint.hostname:
            head.authority = host.endpoint.hostname.encode()

    def _pick(self, cluster: Cluster) -> Host | None:
        balancer = cluster.balancer
        if cluster.plain and balancer.only is not None and not self._tried:
            return balancer.only.pick(balancer.rng, 0.0, 0, 0)
        return choice.pick(self, cluster)

    def _pool(self, cluster: Cluster, host: Host) -> Pool:
        return choice.pool(self, cluster, host)

    @property
    def tried(self) -> tuple[Host, ...]:
        """Hosts of earlier attempts."""
        return self._tried

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
                upstream.send_tunnel(data, end)
            return
        self._send_body(data, end, trailers)
        if self.waiting is not None:
            self.waiting.body_came(end)
        if self.copies:
            self._mirror(data, end)

    def _mirror(self, data: bytes, end: bool) -> None:
        self.mirrored += (data,)
        if self.bytes_received > mirror.BODY_BYTES_MAX:
            self.copies = ()
            self.mirrored = ()
        elif end:
            mirror.finish(self, b"".join(self.mirrored))

    def on_malformed(self, problem: Malformed) -> None:
        """The body is broken: nobody may go on with either connection."""
        self._abandon()
        if self.responded:
            self._cut("DPE", problem.details)
        else:
            self._reply(local_reply.malformed(problem))

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
                upstream.pause_reading()
            else:
                upstream.resume_reading()

    def on_request_paused(self, paused: bool) -> None:
        self._pause_request(paused)

    def _pause_request(self, paused: bool) -> None:
        if paused:
            self.stream.pause_reading()
        else:
            self.stream.resume_reading()
