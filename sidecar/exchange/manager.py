"""One HTTP connection manager, compiled: what all requests of a filter chain share.

It hands each request an `Exchange` and keeps the connections, so that a drain reaches them all.
"""

from __future__ import annotations

import random
import time
from collections.abc import Hashable
from typing import NamedTuple

from sidecar.config.http_connection_manager import HttpConnectionManager
from sidecar.config.http_filters import PeerMetadata, Router, StatsPluginConfig
from sidecar.config.listener import Listener as ListenerConfig
from sidecar.config.refusal import Refused
from sidecar.exchange import local_reply
from sidecar.exchange.access_logs import access_logs
from sidecar.exchange.clusters import Clusters
from sidecar.exchange.codec import serve
from sidecar.exchange.downstream import Downstream, DownstreamConnection
from sidecar.exchange.filters import step_of
from sidecar.exchange.forwarding import Forwarding
from sidecar.exchange.http2_stats import Http2Stats
from sidecar.exchange.local_reply import Reply
from sidecar.exchange.manager_stats import ManagerStats
from sidecar.exchange.peer_metadata import MetadataExchange
from sidecar.exchange.prepared import FACTS_MAX
from sidecar.exchange.request import Exchange
from sidecar.exchange.routes import RouteHolder
from sidecar.exchange.step import Step
from sidecar.exchange.tracing import Tracer
from sidecar.net.accepted import Accepted
from sidecar.net.connection import Connection
from sidecar.net.dispatcher import Dispatcher
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import HeadOptions, RequestMessage
from sidecar.protocol.http1_known import KnownRequests
from sidecar.protocol.http2_sending import Http2Options
from sidecar.protocol.message import Field, Headers, field
from sidecar.telemetry.record import ExchangeRecord, Peer, RecordSink
from sidecar.telemetry.stats import Stats

PORTS_MAX = 64
"""Ports that clients wanted, for which heads are remembered apart (strip_matching_host_port)."""
IDLE_S = 3600.0
"""Envoy's default idle timeout of downstream connections."""
_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")


class Surroundings(NamedTuple):
    """What a manager needs of the engine."""

    dispatcher: Dispatcher
    clusters: Clusters
    stats: Stats
    sink: RecordSink
    rng: random.Random
    peer: Peer
    node_id: str


def _head_options(config: HttpConnectionManager, *, tls: bool) -> HeadOptions:
    options, common = config.http_protocol_options, config.common_http_protocol_options
    return HeadOptions(
        accept_http_10=options.accept_http_10,
        default_host=options.default_host_for_http_10.encode(),
        strict_escapes=config.normalize_path or config.use_remote_address,
        normalize_path=config.normalize_path,
        merge_slashes=config.merge_slashes,
        escaped_slashes=_escaped_slashes(config),
        strip_port=config.strip_any_host_port,
        strip_dot=config.strip_trailing_host_dot,
        underscores=common.headers_with_underscores_action,
        scheme=b"https" if tls else b"http",
        head_bytes_max=config.max_request_headers_kb * 1024,
        fields_max=common.max_headers_count,
        keep_case=options.header_key_format is not None,
        keep_expect=config.proxy_100_continue,
    )


def _head_limit(config: HttpConnectionManager) -> tuple[float, Reply] | None:
    """The first of the timeouts that run while a head comes. Envoy's stream begins with its first byte."""
    limits = [
        (config.request_headers_timeout, local_reply.HEADERS_TIMEOUT),
        (config.request_timeout, local_reply.REQUEST_TIMEOUT),
        (config.stream_idle_timeout, local_reply.REQUEST_IDLE),
    ]
    return min((one for one in limits if one[0]), key=lambda one: one[0], default=None)


def _http2_options(config: HttpConnectionManager) -> Http2Options:
    options = config.http2_protocol_options
    return Http2Options(
        streams_max=options.max_concurrent_streams,
        stream_window=options.initial_stream_window_size,
        connection_window=options.initial_connection_window_size,
        table_bytes=options.hpack_table_size,
        allow_connect=options.allow_connect,
        header_bytes_max=config.max_request_headers_kb * 1024,
    )


def _escaped_slashes(config: HttpConnectionManager) -> str:
    action = config.path_with_escaped_slashes_action
    if action != "IMPLEMENTATION_SPECIFIC_DEFAULT":
        return action
    return "REJECT_REQUEST" if config.use_remote_address else "KEEP_UNCHANGED"


class Manager:
    def __init__(
        self,
        config: HttpConnectionManager,
        listener: ListenerConfig,
        routes: RouteHolder,
        around: Surroundings,
        *,
        tls: bool,
    ) -> None:
        """Raises `Refused` (fault filter) or ValueError (access log format)."""
        self.config = config
        self.routes = routes
        self.clusters = around.clusters
        self.dispatcher = around.dispatcher
        self.sink = around.sink
        self.rng = around.rng
        self.stats = ManagerStats(around.stats, config.stat_prefix)
        self.http2_stats = Http2Stats(around.stats, "http2.")
        self.http2 = _http2_options(config)
        common = config.common_http_protocol_options
        self.head_options = _head_options(config, tls=tls)
        self.heads = KnownRequests(self.head_options)
        self.heads_by_port: dict[int, KnownRequests] | None = {} if config.strip_matching_host_port else None
        self.idle_timeout_s = IDLE_S if common.idle_timeout is None else common.idle_timeout
        self.trailers = config.http_protocol_options.enable_trailers
        self.head_limit = _head_limit(config)
        """How long a head may take, and the answer to a slower one."""
        self.request_timeout_s = config.request_timeout
        self.connection_s = common.max_connection_duration or 0.0
        self.requests_max = common.max_requests_per_connection
        self.delayed_close_s = config.delayed_close_timeout
        self.stream_idle_s = config.stream_idle_timeout
        self.stream_s = common.max_stream_duration or 0.0
        self.forwarding = Forwarding(config, around.rng)
        self.server_field: Field | None = (
            field(b"server", config.server_name.encode())
            if config.server_header_transformation != "PASS_THROUGH"
            else None
        )
        self.server_overwrites = config.server_header_transformation == "OVERWRITE"
        self.upgrades = {one.upgrade_type.lower().encode(): one.enabled for one in config.upgrade_configs}
        self.tracer = Tracer(config.tracing, around.rng) if config.tracing is not None else None
        self.listener_name = listener.name
        self.outbound = listener.traffic_direction != "INBOUND"
        self.reporter = ""
        self.exchange_metadata: MetadataExchange | None = None
        self.envoy_headers = True
        self._filters(config, around)
        self.access_logs = access_logs(config.access_log, around.sink, around.rng)
        self._facts: dict[Hashable, int] = {}
        self._facts_known = 0
        self._shortcuts(config)
        self.draining = False
        self.connections: set[DownstreamConnection] = set()
        self._date_field: Field = field(b"date", b"")
        self._date_until_s = -1.0
        """On the dispatcher's clock: when the second is over."""

    def _shortcuts(self, config: HttpConnectionManager) -> None:
        """What no request needs to ask again."""
        self.plain_answers = (
            self.envoy_headers
            and self.exchange_metadata is None
            and not self.encoders
            and not config.always_set_request_id_in_response
        )
        """Whether answers get nothing but the server's name and times."""
        self.makes_ids = config.generate_request_id
        self.changes_heads = self.exchange_metadata is not None and self.exchange_metadata.tells_upstream
        """Whether each attempt has fields of its own."""
        self.keeps_records = bool(self.access_logs or self.reporter)
        """Whether every request leaves a record, not only those that are traced."""

    def _filters(self, config: HttpConnectionManager, around: Surroundings) -> None:
        steps: list[Step] = []
        for index, one in enumerate(config.http_filters):
            try:
                step = step_of(one, around.stats, f"http.{config.stat_prefix}.", around.rng)
            except Refused as refused:
                raise refused.at(f"http_filters[{index}].typed_config") from None
            if step is not None:
                steps.append(step)
            match one.typed_config:
                case PeerMetadata() as metadata:
                    self.exchange_metadata = MetadataExchange(metadata, around.peer, around.node_id)
                case StatsPluginConfig():
                    self.reporter = "source" if self.outbound else "destination"
                case Router() as router:
                    self.envoy_headers = not router.suppress_envoy_headers

        self.steps = tuple(steps)
        self.encoders = tuple(step for step in reversed(steps) if step.encodes)

    def serve(self, connection: Connection, accepted: Accepted) -> None:
        """A connection of this chain begins."""
        accepted.facts = self._facts_of(accepted)
        serve(self, connection, accepted)

    def _facts_of(self, accepted: Accepted) -> int:
        facts = (
            accepted.names,
            accepted.local_uri,
            accepted.tls,
            accepted.remote.host if self.config.use_remote_address else "",
        )
        found = self._facts.get(facts)
        if found is None:
            if len(self._facts) >= FACTS_MAX:
                self._facts.clear()
            self._facts_known += 1
            found = self._facts[facts] = self._facts_known
        return found

    def heads_for(self, port: int) -> KnownRequests:
        """Heads of connections that were made to `port`, which `strip_matching_host_port` takes off."""
        assert self.heads_by_port is not None
        found = self.heads_by_port.get(port)
        if found is None:
            if len(self.heads_by_port) >= PORTS_MAX:
                self.heads_by_port.clear()
            found = self.heads_by_port[port] = KnownRequests(self.head_options._replace(own_port=port))
        return found

    def exchange(self, stream: Downstream, message: RequestMessage) -> Exchange:
        return Exchange(self, stream, message)

    def opened(self, stream: DownstreamConnection) -> None:
        self.connections.add(stream)
        self.stats.cx_total.value += 1
        self.stats.cx_active.value += 1

    def closed(self, stream: DownstreamConnection) -> None:
        if stream in self.connections:
            self.connections.discard(stream)
            self.stats.cx_active.value -= 1

    def date(self) -> Field:
        """The Date field of this second (RFC 9110 6.6.1)."""
        if self.dispatcher.time() >= self._date_until_s:
            exact = time.time()
            second = exact.__trunc__()
            self._date_until_s = self.dispatcher.time() + second + 1 - exact
            now = time.gmtime(second)
            self._date_field = field(
                b"date",
                b"%s, %02d %s %d %02d:%02d:%02d GMT"
                % (
                    _DAYS[now.tm_wday],
                    now.tm_mday,
                    _MONTHS[now.tm_mon - 1],
                    now.tm_year,
                    now.tm_hour,
                    now.tm_min,
                    now.tm_sec,
                ),
            )
        return self._date_field

    def mark_server(self, headers: Headers) -> None:
        """The Server field, as `server_header_transformation` says."""
        server = self.server_field
        if server is not None:
            if b"server" not in headers:
                headers.add(server)
            elif self.server_overwrites:
                headers.set(b"server", server[2])

    def refused(self, stream: Downstream, problem: Malformed) -> None:
        """A request that could not be read."""
        self.stats.cx_protocol_error.value += 1
        if problem.status == 431:
            self.stats.rq_too_large.value += 1
        self.reply_without_request(stream, local_reply.malformed(problem))

    def head_timed_out(self, stream: Downstream, reply: Reply) -> None:
        """A head that came too slowly."""
        stats = self.stats
        if reply is local_reply.HEADERS_TIMEOUT:
            stats.rq_header_timeout.value += 1
        elif reply is local_reply.REQUEST_TIMEOUT:
            stats.rq_timeout.value += 1
        else:
            stats.rq_idle_timeout.value += 1
        self.reply_without_request(stream, reply)

    def reply_without_request(self, stream: Downstream, reply: Reply) -> None:
        """Answer and close; there is no exchange to speak of, but the log has a line."""
        self.stats.rq_total.value += 1
        self.stats.rq_completed.value += 1
        self.stats.classes[reply.status // 100 - 1].value += 1
        head, body = local_reply.response(reply, None)
        if self.server_field is not None:
            head.headers.add(self.server_field)
        head.headers.add(self.date())
        accepted = stream.accepted
        if self.access_logs:
            record = ExchangeRecord(
                started_at_s=time.time(),
                response_code=reply.status,
                flags=reply.flags,
                details=reply.details,
                bytes_sent=len(body),
                listener=self.listener_name,
                stat_prefix=self.config.stat_prefix,
                downstream_local=accepted.local_text,
                downstream_remote=accepted.remote_text,
                downstream_direct_remote=accepted.direct_text,
                downstream_tls=accepted.tls,
                connection_id=accepted.id,
                response_headers=head.headers,
                access_logs=self.access_logs,
            )
            self.sink.finished(record)
        stream.answer_and_close(head, body)

    def drain(self) -> None:
        """No request after the one under way."""
        self.draining = True
        for stream in list(self.connections):
            stream.drain()

    def abort(self) -> None:
        for stream in list(self.connections):
            stream.connection_lost("local close")
