"""What every HTTP filter of a connection manager is to an exchange: a step of its way, there and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sidecar.protocol.message import ResponseHead
from sidecar.routing.decision import RouteDecision

if TYPE_CHECKING:
    from sidecar.exchange.request import Exchange


class Step:
    name = ""
    off = False
    """HttpFilter.disabled: only for routes that say something of the filter."""
    encodes = False
    """Whether it has a part in answers. Those steps are asked in reverse order, as Envoy's encoders."""

    def answers(self, exchange: Exchange, position: int) -> bool:
        """True = the request is answered, or `exchange.go_on(position)` will be called later."""
        return False

    def repeats(self, decision: RouteDecision) -> bool:
        """Whether a request that passed once passes again with the same bytes, but for `pass_again`."""
        return False

    def pass_again(self, exchange: Exchange) -> bool:
        """As `answers`, for such a request."""
        return False

    def encode(self, exchange: Exchange, head: ResponseHead) -> None:
        """An answer's head on its way to the client, our own answers included."""

    def on(self, decision: RouteDecision | None) -> bool:
        """The most specific level that names the filter says whether it is on (FilterConfig.disabled)."""
        said = None if decision is None else decision.switches.get(self.name)
        return not self.off if said is None else said


class Waiting(Protocol):
    """A step that has stopped a request, while it waits: for the body, or for somebody's answer."""

    def body_came(self, end: bool) -> None:
        """More of the body is kept; it may call `go_on` or answer."""
