"""Which cluster a route's request goes to: the one, one by weight, or the one a header names."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence

from sidecar.protocol.message import RequestHead
from sidecar.routing.decision import RouteDecision
from sidecar.routing.weights import WeightedDraw

HEADER_CLUSTERS_MAX = 64
"""Decisions remembered for clusters named by requests; more are made anew."""


class Draws:
    """Weighted sequences by what they belong to. They go on in the next table if that still asks for the same."""

    __slots__ = ("_previous", "_rng", "kept")

    def __init__(self, previous: Draws | None, rng: random.Random) -> None:
        self._previous = previous.kept if previous is not None else {}
        self._rng = rng
        self.kept: dict[Hashable, WeightedDraw] = {}

    def take(self, owner: Hashable, names: Sequence[str], weights: Sequence[int]) -> WeightedDraw:
        """`owner`: the route. Several routes of one identity are told apart by their order."""
        ordinal = 0
        while (key := (owner, ordinal, tuple(names), tuple(weights))) in self.kept:
            ordinal += 1
        draw = self._previous.get(key)
        if draw is None:
            draw = WeightedDraw(weights, self._rng)
        self.kept[key] = draw
        return draw

    def forget_previous(self) -> None:
        """Once the table is made: otherwise every table would keep its predecessor alive."""
        self._previous = {}


class Single:
    """Always the same decision; also for redirects and direct responses."""

    __slots__ = ("decisions",)

    def __init__(self, decision: RouteDecision) -> None:
        self.decisions = (decision,)

    def choose(self, head: RequestHead) -> RouteDecision | None:
        return self.decisions[0]


class Weighted:
    __slots__ = ("_draw", "decisions")

    def __init__(self, decisions: Sequence[RouteDecision], draw: WeightedDraw) -> None:
        self.decisions = tuple(decisions)
        self._draw = draw

    def choose(self, head: RequestHead) -> RouteDecision | None:
        return self.decisions[self._draw.draw()]


class FromHeader:
    """cluster_header: a request without it has no route (Envoy answers 404)."""

    __slots__ = ("_make", "_memo", "_name", "decisions")

    def __init__(self, name: str, make: Callable[[str], RouteDecision]) -> None:
        self._name = name.lower().encode()
        self._make = make
        self._memo: dict[bytes, RouteDecision] = {}
        self.decisions: tuple[RouteDecision, ...] = ()

    def choose(self, head: RequestHead) -> RouteDecision | None:
        value = head.headers.get(self._name)
        if not value:
            return None
        found = self._memo.get(value)
        if found is None:
            found = self._make(value.decode("latin-1"))
            if len(self._memo) < HEADER_CLUSTERS_MAX:
                self._memo[value] = found
        return found


Choice = Single | Weighted | FromHeader
