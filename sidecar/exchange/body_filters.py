"""Filters that change a message as a whole: header mutations, and the buffer that waits for a request's body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.config.buffer import Buffer
from sidecar.config.header_mutation import HeaderMutation
from sidecar.config.refusal import Refused
from sidecar.exchange import local_reply
from sidecar.exchange.step import Step
from sidecar.policy.header_mutation import Mutations, RouteMutations, in_order
from sidecar.policy.route_filters import BufferLimit
from sidecar.protocol.http1_head import CHUNKED
from sidecar.protocol.message import ResponseHead
from sidecar.routing.decision import RouteDecision

if TYPE_CHECKING:
    from sidecar.exchange.request import Exchange


class MutationStep(Step):
    encodes = True

    def __init__(self, config: HeaderMutation) -> None:
        """Raises `Refused`."""
        try:
            self._own = Mutations(config.mutations)
        except Refused as refused:
            raise refused.at("mutations") from None
        self._most_specific_wins = config.most_specific_header_mutations_wins

    def _levels(self, decision: RouteDecision | None) -> tuple[Mutations, ...]:
        special = None if decision is None else decision.per_filter.get(self.name)
        route = special if isinstance(special, RouteMutations) else None
        return in_order(self._own, route, most_specific_wins=self._most_specific_wins)

    def answers(self, exchange: Exchange, position: int) -> bool:
        head = exchange.head
        for level in self._levels(exchange.decision):
            for change in level.request:
                change(head.headers, head, None, exchange.record)
        return False

    def encode(self, exchange: Exchange, head: ResponseHead) -> None:
        for level in self._levels(exchange.decision):
            for change in level.response:
                change(head.headers, exchange.head, head, exchange.record)


class BufferStep(Step):
    """The body is kept in the exchange; with its end the request goes on, its length known."""

    def __init__(self, config: Buffer) -> None:
        self._own = BufferLimit(config.max_request_bytes)

    def answers(self, exchange: Exchange, position: int) -> bool:
        special = None if exchange.decision is None else exchange.decision.per_filter.get(self.name)
        limit = special if isinstance(special, BufferLimit) else self._own
        if exchange.request_done or not limit.bytes_max or exchange.upgrade:
            return False
        exchange.wait(_Whole(exchange, position, limit.bytes_max), keep_bytes=limit.bytes_max)
        return True


class _Whole:
    __slots__ = ("_bytes_max", "_exchange", "_position")

    def __init__(self, exchange: Exchange, position: int, bytes_max: int) -> None:
        self._exchange = exchange
        self._position = position
        self._bytes_max = bytes_max

    def body_came(self, end: bool) -> None:
        exchange = self._exchange
        if exchange.kept_bytes > self._bytes_max:
            exchange.manager.stats.rq_too_large.value += 1
            exchange.answer(local_reply.BODY_TOO_LARGE)
        elif end:
            if exchange.framing == CHUNKED:
                exchange.framing = exchange.kept_bytes
                exchange.head.headers.set(b"content-length", b"%d" % exchange.kept_bytes)
            exchange.go_on(self._position)
