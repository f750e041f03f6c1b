"""The connections to one endpoint: idle ones are used last in, first out, so that the others grow old and are closed.

A request takes an idle connection at once, or waits for one that is being opened. Openings and waits are bounded by the
cluster's circuit breakers.
"""

from __future__ import annotations

import ssl
from collections import deque
from typing import Protocol

from sidecar.balancing.limits import Limits
from sidecar.exchange.cluster_stats import ClusterStats
from sidecar.exchange.http1_client import Consumer, Http1Client, Reset
from sidecar.exchange.upstream import Upstream
from sidecar.net.connection import Connection
from sidecar.net.dial import Dial, Dialled, Failed, Plan
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.timers import NEVER

IDLE_S = 3600.0
"""Envoy's default idle timeout of pooled connections."""
IDLE_CONNECTIONS_MAX = 256
"""Idle connections kept to one endpoint."""


class Pooled(Protocol):
    """A connection of a pool."""

    connection: Connection
    opened_s: float
    requests: int

    def connection_lost(self, reason: str) -> None: ...


class Pool:
    CX_TOTAL = "upstream_cx_http1_total"
    __slots__ = (
        "_dials",
        "_dispatcher",
        "_duration_s",
        "_idle_s",
        "_limits",
        "_pending",
        "_requests_max",
        "_stats",
        "_timer",
        "buffer_bytes",
        "closed",
        "connections",
        "cx_connect_fail",
        "cx_total",
        "free",
        "keep_case",
        "plan",
        "rq_error",
        "rq_success",
        "rq_timeout",
        "rq_total",
    )

    def __init__(
        self,
        dispatcher: Dispatcher,
        plan: Plan,
        *,
        limits: Limits,
        stats: ClusterStats,
        idle_s: float = IDLE_S,
        requests_max: int = 0,
        duration_s: float = 0.0,
        keep_case: bool = False,
        buffer_bytes: int = 0,
    ) -> None:
        self._dispatcher = dispatcher
        self.buffer_bytes = buffer_bytes
        """Unsent bytes of one connection above which its request waits; 0 = our own bound."""
        self.plan = plan
        self.keep_case = keep_case
        self._limits = limits
        self._stats = stats
        self._idle_s = idle_s
        self._requests_max = requests_max
        """Requests of one connection; 0 = any number."""
        self._duration_s = duration_s or NEVER
        """A connection older than this takes no further request."""
        self.free: list[Http1Client] = []
        """Idle connections, the latest used last. Take from its end, or ask `take`."""
        self._pending: deque[Consumer] = deque()
        self._dials: set[Dial] = set()
        self._timer = dispatcher.timer(self._close_old)
        self.connections: set[Pooled] = set()
        self.closed = False
        self.cx_total = self.cx_connect_fail = 0
        self.rq_total = self.rq_success = self.rq_error = self.rq_timeout = 0

    def take(self, consumer: Consumer) -> Upstream | Reset | None:
        """An idle connection; OVERFLOW; or None: `on_connected` or `on_reset` of the consumer follows."""
        if self.free:
            return self.free.pop()
        if not self._limits.pending.take():
            self._stats.pending_overflow.value += 1
            return Reset.OVERFLOW
        self._stats.count("upstream_rq_pending_total")
        if self._limits.connections.take():
            self._pending.append(consumer)
            self._open()
            return None
        self._stats.cx_overflow.value += 1
        if not self.connections and not self._dials:
            # Envoy lets an endpoint without any connection have one, or its requests would wait for ever.
            self._limits.connections.count += 1
            self._pending.append(consumer)
            self._open()
            return None
        self._pending.append(consumer)
        return None

    def forget(self, consumer: Consumer) -> None:
        """The consumer waits no longer."""
        try:
            self._pending.remove(consumer)
        except ValueError:
            return
        self._limits.pending.give()

    def _open(self) -> None:
        def done(outcome: Dialled | Failed) -> None:
            self._dials.discard(dial)
            self._dialled(outcome)

        self._stats.cx_total.value += 1
        self._stats.count(self.CX_TOTAL)
        self.cx_total += 1
        dial = Dial(self._dispatcher, self.plan, done)
        self._dials.add(dial)
        dial.start()

    def _dialled(self, outcome: Dialled | Failed) -> None:
        if isinstance(outcome, Failed):
            self._limits.connections.give()
            self._stats.cx_connect_fail.value += 1
            self.cx_connect_fail += 1
            if outcome.timeout:
                self._stats.cx_connect_timeout.value += 1
            if self._pending:
                self._limits.pending.give()
                self._stats.count("upstream_rq_pending_failure_eject")
                reset = Reset.CONNECTION_TIMEOUT if outcome.timeout else Reset.CONNECTION_FAILURE
                self._pending.popleft().on_reset(reset, outcome.reason)
            self._open_for_pending()
            return
        self._stats.cx_active.value += 1
        connection = Connection(self._dispatcher, outcome.sock)
        connection.limit(self.buffer_bytes)
        self._connected(connection)

    def _connected(self, connection: Connection) -> None:
        upstream = Http1Client(self, connection)
        self.connections.add(upstream)
        self.idle(upstream)

    def idle(self, upstream: Http1Client) -> None:
        """`upstream` is free: for who waits longest, else to be kept."""
        worn_out = self._worn_out(upstream)
        if self._pending and not worn_out:
            self._limits.pending.give()
            self._pending.popleft().on_connected(upstream)
            return
        if self.closed or worn_out or len(self.free) >= IDLE_CONNECTIONS_MAX:
            self.gone(upstream)
            upstream.connection.close()
            return
        self.free.append(upstream)
        upstream.idle_since_s = now = self._dispatcher.time()
        if upstream.requests == 1:
            self._keep_session(upstream)
        due = min(now + (self._idle_s or NEVER), upstream.opened_s + self._duration_s)
        if self._timer.deadline_s > due:
            self._timer.start(due - now)

    def _keep_session(self, upstream: Pooled) -> None:
        """TLS 1.3 gives its tickets with the first bytes of the answer."""
        if self.plan.tls is not None and isinstance(upstream.connection.sock, ssl.SSLSocket):
            self.plan.tls.sessions.keep(upstream.connection.sock)

    def _worn_out(self, upstream: Pooled) -> bool:
        """It has had all its requests, or all its time."""
        if self._requests_max and upstream.requests >= self._requests_max:
            self._stats.count("upstream_cx_max_requests")
            return True
        if self._duration_s < NEVER and self._dispatcher.time() >= upstream.opened_s + self._duration_s:
            self._stats.count("upstream_cx_max_duration_reached")
            return True
        return False

    def gone(self, upstream: Pooled) -> None:
        """`upstream` cannot be used again; its owner closes it. May be told twice."""
        if upstream not in self.connections:
            return
        self.connections.discard(upstream)
        self._limits.connections.give()
        self._stats.cx_active.value -= 1
        self._stats.count("upstream_cx_destroy")
        by_peer = upstream.connection.eof or upstream.connection.closed
        self._stats.count("upstream_cx_destroy_remote" if by_peer else "upstream_cx_destroy_local")
        if upstream in self.free:
            self.free.remove(upstream)
        self._open_for_pending()

    def _open_for_pending(self) -> None:
        if self._pending and not self._dials and self._limits.connections.take():
            self._open()

    def _close_old(self) -> None:
        now = self._dispatcher.time()
        idle_s = self._idle_s or NEVER
        for upstream in list(self.free):
            if upstream.idle_since_s + idle_s <= now:
                self._stats.count("upstream_cx_idle_timeout")
            elif upstream.opened_s + self._duration_s <= now:
                self._stats.count("upstream_cx_max_duration_reached")
            else:
                continue
            self.gone(upstream)
            upstream.connection.close()
        if self.free:
            due = min(min(one.idle_since_s + idle_s, one.opened_s + self._duration_s) for one in self.free)
            self._timer.start(max(due - now, 0.0))

    def close(self) -> None:
        """Take no more; what is under way ends by itself."""
        self.closed = True
        self._timer.stop()
        for upstream in list(self.free):
            self.gone(upstream)
            upstream.connection.close()

    def abort(self) -> None:
        """End everything now."""
        self.close()
        for dial in list(self._dials):
            dial.cancel()
        for upstream in list(self.connections):
            upstream.connection_lost("local close")

    @property
    def pending(self) -> int:
        return len(self._pending)

    @property
    def unused(self) -> bool:
        """Nobody waits, nothing is under way."""
        return not self._pending and not self._dials and len(self.free) == len(self.connections)

    def counters(self) -> dict[str, int]:
        """As `/clusters` shows them for this host."""
        return {
            "cx_active": len(self.connections),
            "cx_connect_fail": self.cx_connect_fail,
            "cx_total": self.cx_total,
            "rq_error": self.rq_error,
            "rq_pending_active": len(self._pending),
            "rq_success": self.rq_success,
            "rq_timeout": self.rq_timeout,
            "rq_total": self.rq_total,
        }

    def __repr__(self) -> str:
        return (
            f"<Pool {self.plan.target} connections={len(self.connections)} idle={len(self.free)}"
            f" pending={len(self._pending)} opening={len(self._dials)}>"
        )
