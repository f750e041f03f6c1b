"""The HTTP/2 connections to one endpoint: few, shared by many requests, another only when all are full."""

from __future__ import annotations

from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.exchange.http1_client import Consumer, Reset
from sidecar.exchange.http2_client import Http2Client
from sidecar.exchange.http2_stats import Http2Stats
from sidecar.exchange.pool import Pool
from sidecar.exchange.upstream import Upstream
from sidecar.net.connection import Connection
from sidecar.net.timers import NEVER
from sidecar.protocol.http2_sending import Http2Options
from sidecar.telemetry.stats import Stats


def http2_options(config: ClusterConfig) -> Http2Options | None:
    """None = the cluster speaks HTTP/1.1."""
    explicit = config.http_options.explicit_http_config
    options = explicit.http2_protocol_options if explicit is not None else None
    if options is None:
        return None
    return Http2Options(
        streams_max=options.max_concurrent_streams,
        stream_window=options.initial_stream_window_size,
        connection_window=options.initial_connection_window_size,
        table_bytes=options.hpack_table_size,
    )


def http2_speech(config: ClusterConfig, stats: Stats) -> tuple[Http2Options, Http2Stats] | None:
    """How the cluster speaks HTTP/2, and its counters; None = it speaks HTTP/1.1."""
    options = http2_options(config)
    if options is None:
        return None
    return options, Http2Stats(stats, f"cluster.{config.alt_stat_name or config.name}.http2.")


class Http2Pool(Pool):
    CX_TOTAL = "upstream_cx_http2_total"
    __slots__ = ("_options", "_ready", "http2_stats")

    def speak(self, options: Http2Options, stats: Http2Stats) -> None:
        """Before anything else: how HTTP/2 is spoken."""
        self._options = options
        self.http2_stats = stats
        self._ready: list[Http2Client] = []
        """Connections that take new requests."""

    def take(self, consumer: Consumer) -> Upstream | Reset | None:
        for client in self._ready:
            if client.room:
                return client.request()
        if not self._limits.pending.take():
            self._stats.pending_overflow.value += 1
            return Reset.OVERFLOW
        self._stats.count("upstream_rq_pending_total")
        self._pending.append(consumer)
        if not self._dials:
            if self._limits.connections.take():
                self._open()
            elif not self.connections:
                self._stats.cx_overflow.value += 1
                self._limits.connections.count += 1
                self._open()
        return None

    def _connected(self, connection: Connection) -> None:
        client = Http2Client(self, connection, self._options)
        self.connections.add(client)
        self._ready.append(client)
        self.settle(client)
        self._open_for_pending()

    def settle(self, client: Http2Client) -> None:
        """Requests of `client` ended, or it may take more: serve who waits, and see whether it is still wanted."""
        while self._pending and client in self._ready and client.room:
            self._limits.pending.give()
            self._pending.popleft().on_connected(client.request())
        if client in self._ready and (self.closed or (client.requests and self._worn_out(client))):
            self._ready.remove(client)
        if client.active or client not in self.connections:
            return
        if client not in self._ready:
            self.gone(client)
            client.close()
            return
        client.idle_since_s = now = self._dispatcher.time()
        if client.requests == 1:
            self._keep_session(client)
        due = min(now + (self._idle_s or NEVER), client.opened_s + self._duration_s)
        if self._timer.deadline_s > due:
            self._timer.start(due - now)

    def retire(self, client: Http2Client) -> None:
        """It takes no more requests (GOAWAY); those under way go on."""
        if client in self._ready:
            self._ready.remove(client)
        self._open_for_pending()

    def lost(self, client: Http2Client) -> None:
        if client in self._ready:
            self._ready.remove(client)
        self.gone(client)

    def _close_old(self) -> None:
        now, due = self._dispatcher.time(), NEVER
        for client in [one for one in self._ready if not one.active]:
            end = min(client.idle_since_s + (self._idle_s or NEVER), client.opened_s + self._duration_s)
            if end <= now:
                self._stats.count("upstream_cx_idle_timeout")
                self.lost(client)
                client.close()
            else:
                due = min(due, end)
        if due < NEVER:
            self._timer.start(due - now)

    def close(self) -> None:
        super().close()
        for client in list(self._ready):
            self.settle(client)

    @property
    def unused(self) -> bool:
        return not self._pending and not self._dials and not any(one.active for one in self._ready)
