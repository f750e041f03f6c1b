"""A request that came before, as it goes upstream: headers made, route found, edits done.

Clients repeat themselves. When the same head comes again on a connection of the same kind, and nothing but the bytes
of the head decided where it went, all that is left to do is what differs from request to request: its id, its trace
context, the host, the time. Everything else of `Exchange.start` is taken from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.protocol.http1_write import request_lines
from sidecar.protocol.message import GENERATED, RequestHead
from sidecar.routing.decision import RouteDecision
from sidecar.routing.table import RouteTable
from sidecar.telemetry.record import Peer

if TYPE_CHECKING:
    from sidecar.exchange.manager import Manager

FACTS_MAX = 64
"""Kinds of connections (client identities, at the edge client addresses) that a manager tells apart."""
_NO_HEAD = RequestHead(b"", b"")


class Prepared:
    __slots__ = ("decision", "head", "lines", "logged_path", "peer", "table")

    def __init__(
        self,
        table: RouteTable,
        decision: RouteDecision | None = None,
        head: RequestHead = _NO_HEAD,
        logged_path: bytes = b"",
        peer: Peer | None = None,
    ) -> None:
        self.table = table
        """For which this holds."""
        self.decision = decision
        """None = each request is decided anew."""
        self.head = head
        """Without the fields of `GENERATED`. Never changed."""
        self.lines = request_lines(head)
        self.logged_path = logged_path
        self.peer = peer


def prepared(
    table: RouteTable, decision: RouteDecision, sent: RequestHead, logged_path: bytes, peer: Peer | None
) -> Prepared:
    """From the head of a `repeatable` request that is about to be sent."""
    head = sent.twin()
    for name in GENERATED:
        head.headers.remove(name)
    return Prepared(table, decision, head.twin(), logged_path, peer)


def repeatable(manager: Manager, table: RouteTable, decision: RouteDecision, head: RequestHead) -> bool:
    """Whether the bytes of `head` (as routed, not yet edited), and nothing else, decide what is sent."""
    route = decision.route
    if not all(step.on(decision) and step.repeats(decision) for step in manager.steps):
        return False
    if decision.mirrors or route.attempt_count_in_request or route.auto_host_rewrite:
        return False
    for edits in decision.edits.request:
        if not GENERATED.isdisjoint(edits.removals):
            return False
        if any(name in GENERATED or not isinstance(value, bytes) for name, _, value, _ in edits.additions):
            return False
    return table.repeats(head)
