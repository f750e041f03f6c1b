"""Copies of a request for another cluster: sent beside the main one, answers thrown away, never waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.balancing.hosts import Host
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.http1_client import Reset
from sidecar.exchange.upstream import Upstream
from sidecar.protocol.http1_response import ResponseMessage
from sidecar.protocol.http1_write import request_head
from sidecar.protocol.http2_headers import request_block
from sidecar.protocol.message import Headers, RequestHead
from sidecar.routing.decision import Mirror

if TYPE_CHECKING:
    from sidecar.exchange.request import Exchange

BODY_BYTES_MAX = 64 * 1024
"""A mirrored body is kept whole until its own connection is there; a longer one is not mirrored."""


def start(exchange: Exchange, mirrors: tuple[Mirror, ...]) -> None:
    """Mirror now, or when the body is complete."""
    copies = []
    for one in mirrors:
        cluster = exchange.manager.clusters.get(one.cluster)
        if cluster is not None:
            head = exchange.head.copy()
            head.authority = one.host(head.authority)
            copies.append(Copy(cluster, head, chunked=exchange.framing < 0))
    exchange.copies = tuple(copies)
    if exchange.request_done:
        finish(exchange, b"".join(exchange.kept_body()))


def finish(exchange: Exchange, body: bytes) -> None:
    for copy in exchange.copies:
        copy.send(body)
    exchange.copies = ()


class Copy:
    """One mirrored request: a consumer that consumes."""

    __slots__ = ("_body", "_chunked", "_cluster", "_head", "_host")

    def __init__(self, cluster: Cluster, head: RequestHead, *, chunked: bool) -> None:
        self._cluster = cluster
        self._head = head
        self._chunked = chunked
        self._body = b""
        self._host: Host | None = None

    def send(self, body: bytes) -> None:
        cluster = self._cluster
        host = cluster.pick(None)
        if host is None or not cluster.limits.requests.take():
            return
        self._host = host
        self._body = body
        host.active += 1
        cluster.stats.rq_total.value += 1
        cluster.stats.rq_active.value += 1
        taken = cluster.pool(host).take(self)
        if isinstance(taken, Reset):
            self._release()
        elif taken is not None:
            self.on_connected(taken)

    def on_connected(self, upstream: Upstream) -> None:
        head = request_block(self._head) if upstream.http2 else request_head(self._head, chunked=self._chunked)
        body = self._body
        more = bool(body) or self._chunked
        upstream.send(self, head, self._head.method, end=not more, chunked=self._chunked)
        if more:
            upstream.send_body(body, True)

    def _release(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            host.active -= 1
            self._cluster.limits.requests.give()
            self._cluster.stats.rq_active.value -= 1

    def on_continue(self) -> None:
        pass

    def on_response(self, message: ResponseMessage, body: bytes, end: bool) -> None:
        self._cluster.stats.answered(message.head.status)
        if end:
            self._release()

    def on_data(self, data: bytes, end: bool, trailers: Headers | None) -> None:
        if end:
            self._release()

    def on_reset(self, reset: Reset, detail: str) -> None:
        self._release()

    def on_request_paused(self, paused: bool) -> None:
        pass
