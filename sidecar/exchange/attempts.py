"""The upstream side of an exchange: pick a host, take a connection, send, and try again where that is allowed.

A request's body is kept (bounded) for as long as another attempt is possible; what was not kept is never replayed. Once
a response head went out there are no further attempts.
"""

from __future__ import annotations

import random
import time

from sidecar.balancing.hosts import Host
from sidecar.balancing.limits import Limits
from sidecar.balancing.retry import NO_RETRIES, Outcome, RetryRules
from sidecar.exchange import local_reply
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.endpoints import Destination
from sidecar.exchange.http1_client import Reset
from sidecar.exchange.local_reply import Reply
from sidecar.exchange.pool import Pool
from sidecar.exchange.upstream import Upstream
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.timers import NEVER
from sidecar.protocol.http1_response import ResponseMessage
from sidecar.protocol.http1_write import request_head
from sidecar.protocol.http2_headers import request_block
from sidecar.protocol.message import Headers, RequestHead

KEPT_BYTES_MAX = 64 * 1024
"""Body kept for another attempt, or while waiting for a connection (linkerd2-proxy keeps as much)."""

_OUTCOMES = {
    Reset.CONNECTION_FAILURE: Outcome.CONNECT_FAILURE,
    Reset.CONNECTION_TIMEOUT: Outcome.CONNECT_FAILURE,
    Reset.CONNECTION_TERMINATION: Outcome.RESET,
    Reset.PROTOCOL_ERROR: Outcome.RESET,
    Reset.REMOTE_RESET: Outcome.RESET,
    Reset.REMOTE_REFUSED: Outcome.REFUSED_STREAM,
}
_RECEIVED = (Reset.CONNECTION_TERMINATION, Reset.PROTOCOL_ERROR, Reset.REMOTE_RESET, Reset.REMOTE_REFUSED)
_REPLAYABLE = (b"GET", b"HEAD", b"OPTIONS")


class Attempts:
    """Base of `Exchange`, which answers the client: `_deliver`, `_reply`, `_cut`, `_arm`, `_pause_request`."""

    # Defaults live in the class, and there are no slots, on purpose: most requests change few of these, and what is not
    # set costs nothing.
    cluster: Cluster | None = None
    host: Host | None = None
    upstream: Upstream | None = None
    used_host: Destination | None = None
    used_upstream: Upstream | None = None
    """The endpoint of the latest attempt, and the connection to it, for the record."""
    limits: Limits
    """Of the cluster, for our priority; set with the first attempt."""
    high = False
    """The route's priority is HIGH."""
    pool_waiting: Pool | None = None
    """Where a connection is awaited."""
    attempts = 0
    retry: RetryRules = NO_RETRIES
    request_done = False
    responded = False
    sent_s = 0.0
    try_deadline_s = NEVER
    try_idle_deadline_s = NEVER
    """Of an attempt whose upstream says nothing (per_try_idle_timeout)."""
    trailers: Headers | None = None
    upgrade = b""
    failure = ""
    """%UPSTREAM_TRANSPORT_FAILURE_REASON%."""
    _kept: tuple[bytes, ...] = ()
    kept_bytes = 0
    kept_bytes_max = KEPT_BYTES_MAX
    """Of a body that no upstream waits for."""
    _may_retry = False
    _replayed = False
    _retry_counted = False
    _tried: tuple[Host, ...] = ()

    def __init__(self, dispatcher: Dispatcher, head: RequestHead) -> None:
        self.dispatcher = dispatcher
        self.head = head

    # What the subclass does

    def _deliver(self, message: ResponseMessage, body: bytes, end: bool) -> None:
        raise NotImplementedError

    def _reply(self, reply: Reply) -> None:
        raise NotImplementedError

    def _cut(self, flag: str, details: str) -> None:
        raise NotImplementedError

    def _arm(self) -> None:
        raise NotImplementedError

    def _pause_request(self, paused: bool) -> None:
        raise NotImplementedError

    def _wire_head(self, host: Host, *, chunked: bool) -> bytes:
        return request_head(self.head, chunked=chunked, upgrade=self.upgrade)

    def _head_block(self, host: Host) -> bytes:
        return request_block(self.head)

    def _pick(self, cluster: Cluster) -> Host | None:
        raise NotImplementedError

    def _pool(self, cluster: Cluster, host: Host) -> Pool:
        return cluster.pool(host, high=self.high)

    # One attempt

    def _attempt(self) -> None:
        cluster = self.cluster
        assert cluster is not None
        stats = cluster.stats
        self.attempts += 1
        host = self._pick(cluster)
        if host is None:
            stats.none_healthy.value += 1
            self._reply(local_reply.NO_HOST)
            return
        self.host = host
        limits = self.limits = cluster.high_limits if self.high else cluster.limits
        requests = limits.requests
        if requests.count < requests.maximum:
            requests.count += 1
        else:
            requests.overflows += 1
            stats.count("upstream_rq_active_overflow")
            self.host = None
            self._reply(local_reply.upstream_reset(Reset.OVERFLOW, "", retried=False))
            return
        self.used_host = host.endpoint
        host.active += 1
        stats.rq_total.value += 1
        stats.rq_active.value += 1
        if self.request_done and self.retry.per_try_timeout_s:
            self.try_deadline_s = self.dispatcher.time() + self.retry.per_try_timeout_s
            self._arm()
        pool = (None if self.high else cluster.pools.get(host.key)) or self._pool(cluster, host)
        pool.rq_total += 1
        taken = pool.free.pop() if pool.free else pool.take(self)
        if taken is None:
            self.pool_waiting = pool
        elif isinstance(taken, Reset):
            self._release()
            self._reply(local_reply.upstream_reset(taken, "", retried=False))
        else:
            self.on_connected(taken)

    def on_connected(self, upstream: Upstream) -> None:
        self.pool_waiting = None
        self.upstream = upstream
        assert self.host is not None
        self.used_upstream = upstream
        if self.cluster is not None and self.cluster.outlier is not None:
            self.cluster.outlier.connected(self.host)
        done, upgrade = self.request_done, self.upgrade
        chunked = not upgrade and self._body_is_chunked
        self.sent_s = self.dispatcher.time()
        if self.retry.per_try_idle_s:
            self._try_moves()
            self._arm()
        head = self._head_block(self.host) if upstream.http2 else self._wire_head(self.host, chunked=chunked)
        end = done and not chunked and not self._kept
        upstream.send(self, head, self.head.method, end=end, chunked=chunked, upgrade=upgrade)
        if end:
            return
        if self._kept and not self.upgrade:
            upstream.send_body(b"".join(self._kept), done, self.trailers)
        elif done and chunked:
            upstream.send_body(b"", True, self.trailers)
        if self._kept:
            self._forget_body(self._may_retry and self.kept_bytes <= KEPT_BYTES_MAX)

    def _try_moves(self) -> None:
        """Something came from the upstream, or went to it."""
        idle_s = self.retry.per_try_idle_s
        self.try_idle_deadline_s = self.dispatcher.time() + idle_s if idle_s else NEVER

    def _forget_body(self, retriable: bool) -> None:
        """The upstream has what was kept: keep it on only for another attempt, and let the client go on."""
        if not retriable:
            self._may_retry = False
            self._kept = ()
            self.kept_bytes = 0
        self._pause_request(False)

    @property
    def _body_is_chunked(self) -> bool:
        raise NotImplementedError

    def kept_body(self) -> tuple[bytes, ...]:
        """What of the body came before the upstream did."""
        return self._kept

    def _send_body(self, data: bytes, end: bool, trailers: Headers | None) -> None:
        """Request body from downstream: to the upstream if there is one, and kept while it may be needed again."""
        self.trailers = trailers
        upstream = self.upstream
        if upstream is not None and upstream.consumer is self:
            upstream.send_body(data, end, trailers)
            if self.retry.per_try_idle_s:
                self._try_moves()
        if upstream is None or self._may_retry:
            if data:
                self._kept += (data,)
                self.kept_bytes += len(data)
            if self.kept_bytes > (KEPT_BYTES_MAX if upstream is not None else self.kept_bytes_max):
                if upstream is None:
                    self._pause_request(True)
                else:
                    self._forget_body(False)

    def _release(self) -> None:
        """The attempt is over, whatever came of it."""
        host, cluster = self.host, self.cluster
        self.try_deadline_s = self.try_idle_deadline_s = NEVER
        if cluster is None:
            return
        if self._retry_counted:
            self._retry_counted = False
            self.limits.retries.give()
        if host is None:
            return
        self.host = None
        host.active -= 1
        self.limits.requests.count -= 1
        cluster.stats.rq_active.value -= 1

    def _abandon(self) -> None:
        """Want nothing more of the upstream."""
        upstream, self.upstream = self.upstream, None
        if self.pool_waiting is not None:
            self.pool_waiting.forget(self)
            self.pool_waiting = None
        if upstream is not None and upstream.consumer is self:
            upstream.abandon()
            if self.cluster is not None:
                self.cluster.stats.rq_tx_reset.value += 1
        self._release()

    # What comes of it (Consumer)

    def on_continue(self) -> None:
        pass

    def on_data(self, data: bytes, end: bool, trailers: Headers | None) -> None:
        raise NotImplementedError

    def on_request_paused(self, paused: bool) -> None:
        raise NotImplementedError

    def on_response(self, message: ResponseMessage, body: bytes, end: bool) -> None:
        host, cluster = self.host, self.cluster
        assert host is not None
        assert cluster is not None
        status = message.head.status
        if cluster.watched:
            cluster.answered(host, message.head)
        headers = message.head.headers
        if self._may_retry and self._response_retriable(status, headers):
            wait_s = self.retry.reset_s(headers, time.time(), self._rng()) if self.retry.resets is not None else None
            if self._try_again(wait_s):
                return
        self.try_deadline_s = NEVER
        if self.retry.per_try_idle_s:
            self._try_moves()
        if end:
            self._release()
        self._deliver(message, body, end)

    def _response_retriable(self, status: int, headers: Headers) -> bool:
        rules = self.retry
        if status < 400 and not rules.headers and b"grpc-status" not in headers and status not in rules.status_codes:
            return False
        code = headers.get(b"grpc-status")
        ratelimited = b"x-envoy-ratelimited" in headers
        if rules.headers and not ratelimited and rules.retriable_headers(headers):
            return True
        grpc_status = _GRPC_CODES.get(code) if code is not None else None
        return rules.retriable(Outcome.RESPONSE, status, grpc_status=grpc_status, ratelimited=ratelimited)

    def on_reset(self, reset: Reset, detail: str) -> None:
        upstream, self.upstream = self.upstream, None
        self.pool_waiting = None
        self.failure = detail
        host, cluster = self.host, self.cluster
        assert host is not None
        assert cluster is not None
        if reset in _RECEIVED:
            cluster.stats.rq_rx_reset.value += 1
        if self.responded:
            self._release()
            self._cut(local_reply.reset_flag(reset), local_reply.after_response(reset))
            return
        if self._was_stale(upstream, reset):
            self._replayed = True
            self._release()
            self.attempts -= 1
            self._attempt()
            return
        cluster.failed(host)
        outcome = _OUTCOMES.get(reset)
        if outcome is not None and self._may_retry and self.retry.retriable(outcome) and self._try_again():
            return
        self._release()
        self._reply(local_reply.upstream_reset(reset, detail, retried=self.attempts > 1))

    def _was_stale(self, upstream: Upstream | None, reset: Reset) -> bool:
        """The server closed a kept connection just as we used it: a safe request is sent once more (RFC 9110 9.2.2)."""
        return (
            upstream is not None
            and reset is Reset.CONNECTION_TERMINATION
            and upstream.reused
            and upstream.silent
            and self.request_done
            and not self._replayed
            and not self._body_is_chunked
            and not self.upgrade
            and self.head.method in _REPLAYABLE
            and b"content-length" not in self.head.headers
        )

    def _per_try_timeout(self, reply: Reply = local_reply.PER_TRY_TIMEOUT) -> None:
        cluster = self.cluster
        assert cluster is not None
        assert self.host is not None
        if reply is local_reply.PER_TRY_TIMEOUT:
            cluster.stats.rq_per_try_timeout.value += 1
        else:
            cluster.stats.count("upstream_rq_per_try_idle_timeout")
        cluster.failed(self.host, timeout=True)
        if self._may_retry and self.retry.retriable(Outcome.PER_TRY_TIMEOUT) and self._try_again():
            return
        self._abandon()
        self._reply(reply)

    # Again

    def _try_again(self, wait_s: float | None = None) -> bool:
        """Start the next attempt after its back-off, or after `wait_s`, which the response asked for.

        False = no try is left, or the cluster's retries are in use.
        """
        cluster = self.cluster
        assert cluster is not None
        retries_done = self.attempts - 1
        if self.responded or not self._may_retry or retries_done >= self.retry.retries:
            return False
        if not self.limits.retries.take():
            cluster.stats.rq_retry_overflow.value += 1
            return False
        if self.host is not None:
            self._tried += (self.host,)
        self._abandon()
        self._retry_counted = True
        cluster.stats.rq_retry.value += 1
        cluster.stats.count(f"upstream_rq_retry_backoff_{'exponential' if wait_s is None else 'ratelimited'}")
        delay_s = self.retry.back_off_s(self.attempts, self._rng()) if wait_s is None else wait_s
        self.dispatcher.loop.call_later(delay_s, self._retry_now)
        return True

    def _rng(self) -> random.Random:
        raise NotImplementedError

    @property
    def exhausted(self) -> bool:
        """Every retry of the policy was made."""
        return bool(self.retry.retries) and bool(self.retry.words) and self.attempts > self.retry.retries

    def _retry_now(self) -> None:
        if self._ended:
            return
        self._attempt()

    @property
    def _ended(self) -> bool:
        raise NotImplementedError


_GRPC_CODES = {b"%d" % code: code for code in range(17)}
