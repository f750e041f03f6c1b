"""Opaque TCP: bytes both ways as they come, half-close kept, each side read no faster than the other is written.

The cluster is chosen once (by weight if there are several); another host is tried while `max_connect_attempts` lasts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from sidecar.balancing.hosts import Host
from sidecar.config.listener import Listener as ListenerConfig
from sidecar.config.tcp_proxy import TcpProxy
from sidecar.exchange.access_logs import access_logs
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.clusters import Clusters
from sidecar.exchange.targets import header_for
from sidecar.net.accepted import Accepted
from sidecar.net.addresses import local_endpoint
from sidecar.net.connection import Connection
from sidecar.net.dial import Dial, Dialled, Failed
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.tls import peer_names
from sidecar.routing.weights import WeightedDraw
from sidecar.telemetry.record import ExchangeRecord, RecordSink
from sidecar.telemetry.stats import Stats

EARLY_BYTES_MAX = 64 * 1024
"""Bytes of the client kept until the upstream is there."""


class TunnelStats:
    __slots__ = ("cx_active", "cx_no_route", "cx_total", "rx_bytes", "tx_bytes")

    def __init__(self, stats: Stats, stat_prefix: str) -> None:
        prefix = f"tcp.{stat_prefix}."
        self.cx_total = stats.counter(prefix + "downstream_cx_total")
        self.cx_active = stats.gauge(prefix + "downstream_cx_active")
        self.cx_no_route = stats.counter(prefix + "downstream_cx_no_route")
        self.rx_bytes = stats.counter(prefix + "downstream_cx_rx_bytes_total")
        self.tx_bytes = stats.counter(prefix + "downstream_cx_tx_bytes_total")


class TunnelManager:
    """A tcp_proxy filter, compiled."""

    def __init__(
        self,
        config: TcpProxy,
        listener: ListenerConfig,
        *,
        dispatcher: Dispatcher,
        clusters: Clusters,
        stats: Stats,
        sink: RecordSink,
        rng: random.Random,
        reporter: str,
    ) -> None:
        self.config = config
        self.dispatcher = dispatcher
        self.clusters = clusters
        self.sink = sink
        self.stats = TunnelStats(stats, config.stat_prefix)
        self.listener_name = listener.name
        self.reporter = reporter
        self.access_logs = access_logs(config.access_log, sink, rng)
        self.tunnels: set[Tunnel] = set()
        self.choose: Callable[[], str] = lambda: config.cluster
        weighted = config.weighted_clusters
        if weighted is not None:
            names = [one.name for one in weighted.clusters]
            draw = WeightedDraw([one.weight for one in weighted.clusters], rng)
            self.choose = lambda: names[draw.draw()]

    def serve(self, connection: Connection, accepted: Accepted) -> None:
        tunnel = Tunnel(self, connection, accepted)
        self.tunnels.add(tunnel)
        tunnel.open()

    def drain(self) -> None:
        """Opaque bytes cannot be asked to end; the deadline ends them."""

    def abort(self) -> None:
        for tunnel in list(self.tunnels):
            tunnel.end("DC", "")


class Tunnel:
    """Handler of the client's side; `_Upstream` of the other."""

    def __init__(self, manager: TunnelManager, connection: Connection, accepted: Accepted) -> None:
        self.manager = manager
        self.downstream = connection
        self.accepted = accepted
        self.upstream: Connection | None = None
        self.cluster: Cluster | None = None
        self.host: Host | None = None
        self._dial: Dial | None = None
        self._early: list[bytes] = []
        self._early_bytes = 0
        self._early_eof = False
        self._attempts = 0
        self._ended = False
        self._started_s = manager.dispatcher.time()
        self._last_bytes = 0
        self._timer = manager.dispatcher.timer(self._idle)
        self.record = ExchangeRecord(is_http=False, started_at_s=time.time())
        connection.handler = self
        manager.stats.cx_total.value += 1
        manager.stats.cx_active.value += 1
        if manager.config.idle_timeout:
            self._timer.start(manager.config.idle_timeout)

    def open(self) -> None:
        manager = self.manager
        name = manager.choose()
        self.cluster = manager.clusters.get(name)
        self.record.cluster = name
        if self.cluster is None:
            manager.stats.cx_no_route.value += 1
            self.end("NC", "cluster_not_found")
            return
        self._connect()

    def _connect(self) -> None:
        cluster = self.cluster
        assert cluster is not None
        host = cluster.pick(self.accepted.original)
        if host is None:
            cluster.stats.none_healthy.value += 1
            self.end("UH", "no_healthy_upstream")
            return
        if not cluster.limits.connections.take():
            cluster.stats.cx_overflow.value += 1
            self.end("UO", "overflow")
            return
        self.host = host
        self._attempts += 1
        host.active += 1
        cluster.stats.cx_total.value += 1
        pool = cluster.pool(host)
        pool.cx_total += 1
        plan = host.endpoint.plan
        if plan.proxy:
            plan = plan._replace(prologue=header_for(plan.proxy, self.accepted.remote, self.accepted.local))
        self._dial = Dial(self.manager.dispatcher, plan, self._dialled)
        self._dial.start()

    def _release(self) -> None:
        host, self.host = self.host, None
        if host is not None and self.cluster is not None:
            host.active -= 1
            self.cluster.limits.connections.give()

    def _dialled(self, outcome: Dialled | Failed) -> None:
        cluster, host = self.cluster, self.host
        self._dial = None
        assert cluster is not None
        assert host is not None
        if isinstance(outcome, Failed):
            cluster.stats.cx_connect_fail.value += 1
            cluster.failed(host)
            self._release()
            self.record.upstream_failure = outcome.reason
            if self._attempts < self.manager.config.max_connect_attempts:
                self._connect()
            else:
                self.end("UF", "upstream_connect_failed")
            return
        cluster.connected(host)
        cluster.stats.cx_active.value += 1
        upstream = self.upstream = Connection(self.manager.dispatcher, outcome.sock, _Upstream(self))
        if self.cluster is not None:
            upstream.limit(self.cluster.config.per_connection_buffer_limit_bytes)
        self._name_upstream(host, upstream)
        self.manager.sink.opened(self.record)
        for data in self._early:
            upstream.write(data)
        self._early.clear()
        if self._early_eof:
            upstream.write_eof()
        self.downstream.resume_reading()
        upstream.start()

    def _name_upstream(self, host: Host, upstream: Connection) -> None:
        record, accepted, cluster = self.record, self.accepted, self.cluster
        assert cluster is not None
        destination = host.endpoint
        record.upstream_host = destination.shown
        record.upstream_local = str(local_endpoint(upstream.sock))
        record.upstream_tls = destination.tls
        record.upstream_peer = destination.peer
        record.destination_service = cluster.service
        if destination.tls:
            names = peer_names(upstream.sock)  # type: ignore[arg-type]
            record.upstream_peer_uri = names.uris[0] if names.uris else ""
            record.upstream_local_uri = destination.plan.tls.local_uri()
        record.reporter = self.manager.reporter
        record.downstream_peer_uri = accepted.names.uris[0] if accepted.names.uris else ""
        record.downstream_local_uri = accepted.local_uri

    # The client's side (Handler)

    def data_received(self, data: bytes) -> None:
        upstream = self.upstream
        if upstream is not None:
            upstream.write(data)
            return
        self._early.append(data)
        self._early_bytes += len(data)
        if self._early_bytes >= EARLY_BYTES_MAX:
            self.downstream.pause_reading()

    def eof_received(self) -> None:
        if self.upstream is None:
            self._early_eof = True
            return
        self.upstream.write_eof()
        self._maybe_done()

    def connection_lost(self, reason: str) -> None:
        self.end("DC", "downstream_remote_disconnect")

    def writing_paused(self) -> None:
        if self.upstream is not None:
            self.upstream.pause_reading()

    def writing_resumed(self) -> None:
        if self.upstream is not None:
            self.upstream.resume_reading()

    def _maybe_done(self) -> None:
        upstream = self.upstream
        if upstream is not None and upstream.eof and self.downstream.eof:
            self.end("", "")

    def upstream_lost(self, reason: str) -> None:
        self.end("UC", reason)

    def upstream_eof(self) -> None:
        self.downstream.write_eof()
        self._maybe_done()

    def _idle(self) -> None:
        moved = self.downstream.bytes_read + self.downstream.bytes_written
        if moved != self._last_bytes:
            self._last_bytes = moved
            self._timer.start(self.manager.config.idle_timeout)
        else:
            self.end("SI", "idle_timeout")

    def end(self, flags: str, details: str) -> None:
        """Close both sides; what is queued for either is still sent."""
        if self._ended:
            return
        self._ended = True
        manager = self.manager
        self._timer.stop()
        manager.tunnels.discard(self)
        if self._dial is not None:
            self._dial.cancel()
        upstream = self.upstream
        if upstream is not None:
            assert self.cluster is not None
            self.cluster.stats.cx_active.value -= 1
            upstream.close()
        self._release()
        self.downstream.close()
        stats, record = manager.stats, self.record
        stats.cx_active.value -= 1
        record.bytes_received, record.bytes_sent = self.downstream.bytes_read, self.downstream.bytes_written
        record.bytes_sent += self.downstream.out_bytes
        stats.rx_bytes.value += record.bytes_received
        stats.tx_bytes.value += record.bytes_sent
        record.duration_s = manager.dispatcher.time() - self._started_s
        record.flags, record.details = flags, details
        self._name_downstream()
        manager.sink.finished(record)

    def _name_downstream(self) -> None:
        record, accepted, manager = self.record, self.accepted, self.manager
        record.listener = manager.listener_name
        record.stat_prefix = manager.config.stat_prefix
        record.downstream_local = accepted.local_text
        record.downstream_remote = accepted.remote_text
        record.downstream_direct_remote = accepted.direct_text
        record.requested_server_name = accepted.server_name
        record.downstream_tls = accepted.tls
        record.downstream_tls_version = accepted.tls_version
        record.downstream_peer_uri = accepted.names.uris[0] if accepted.names.uris else ""
        record.downstream_local_uri = accepted.local_uri
        record.connection_id = accepted.id
        record.access_logs = manager.access_logs
        record.reporter = manager.reporter


class _Upstream:
    """Handler of the upstream's side."""

    __slots__ = ("_tunnel",)

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    def data_received(self, data: bytes) -> None:
        self._tunnel.downstream.write(data)

    def eof_received(self) -> None:
        self._tunnel.upstream_eof()

    def connection_lost(self, reason: str) -> None:
        self._tunnel.upstream_lost(reason)

    def writing_paused(self) -> None:
        self._tunnel.downstream.pause_reading()

    def writing_resumed(self) -> None:
        self._tunnel.downstream.resume_reading()
