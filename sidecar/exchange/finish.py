"""The record of a finished request: gathered once, at its end, from the exchange and its connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.exchange.respond import Responding

_PROTOCOLS = {10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2"}


def fill_record(exchange: Responding, flags: str, details: str, duration_s: float) -> None:
    record, manager, head, accepted = exchange.record, exchange.manager, exchange.head, exchange.stream.accepted
    record.started_at_s = exchange.wall_s
    record.duration_s = duration_s
    if exchange.request_received_s >= 0:
        record.request_received_s = exchange.request_received_s - exchange.started_s
    if exchange.response_started_s >= 0:
        record.response_started_s = exchange.response_started_s - exchange.started_s
    record.protocol = _PROTOCOLS[head.version]
    record.method = head.method
    index = head.headers.index()
    if b"x-envoy-original-path" in index:
        record.original_path = index[b"x-envoy-original-path"]
    record.path = head.path
    record.authority = head.authority
    record.scheme = head.scheme
    record.request_headers = head.headers
    record.request_id = exchange.request_id
    response = exchange.response
    if response is not None:
        record.response_code = response.status
        record.response_headers = response.headers
        grpc = response.headers.get(b"grpc-status")
        if grpc is not None and grpc.isdigit() and len(grpc) <= 2:
            record.grpc_status = (grpc[0] - 48) * 10 + grpc[1] - 48 if len(grpc) == 2 else grpc[0] - 48
    record.flags = f"{record.flags},{flags}" if record.flags and flags else record.flags or flags
    record.details = details
    record.attempts = exchange.attempts
    record.bytes_received = exchange.bytes_received
    record.bytes_sent = exchange.bytes_sent
    record.upstream_failure = exchange.failure
    record.listener = manager.listener_name
    record.stat_prefix = manager.config.stat_prefix
    record.downstream_local = accepted.local_text
    record.downstream_remote = accepted.remote_text
    record.downstream_direct_remote = accepted.direct_text
    record.requested_server_name = accepted.server_name
    record.downstream_tls = accepted.tls
    record.downstream_tls_version = accepted.tls_version
    if accepted.names.uris:
        record.downstream_peer_uri = accepted.names.uris[0]
    record.downstream_local_uri = accepted.local_uri
    record.downstream_peer = exchange.peer
    record.connection_id = accepted.id
    record.reporter = manager.reporter
    record.access_logs = manager.access_logs
    _upstream(exchange)
    _trace(exchange)


def _upstream(exchange: Responding) -> None:
    record, decision, cluster = exchange.record, exchange.decision, exchange.cluster
    if decision is not None:
        route = decision.route
        record.route_name = route.name
        record.virtual_host = route.virtual_host
        record.metadata = route.metadata
        record.trace_operation = route.decorator
        record.cluster = decision.cluster
    if cluster is not None:
        record.cluster = cluster.name
        record.destination_service = cluster.service
    host, upstream = exchange.used_host, exchange.used_upstream
    if host is not None:
        record.upstream_host = host.shown
        record.upstream_tls = host.tls
        record.upstream_peer = exchange.upstream_peer or host.peer
    if upstream is not None:
        record.upstream_local = upstream.local
        record.upstream_peer_uri = upstream.names.uris[0] if upstream.names.uris else ""
        record.upstream_local_uri = upstream.local_uri


def _trace(exchange: Responding) -> None:
    context, record = exchange.context, exchange.record
    if context is not None:
        record.trace_id = context.trace_id.decode()
        record.span_id = context.span_id.decode() if _keeps(exchange) else ""
        record.parent_span_id = context.parent_span_id.decode()
        record.trace_sampled = context.sampled
        record.trace_state = context.state


def _keeps(exchange: Responding) -> bool:
    tracer = exchange.manager.tracer
    return tracer is not None and tracer.keeps_spans
