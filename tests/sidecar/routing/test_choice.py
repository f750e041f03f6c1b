"""Choosing a cluster, and sequences that go on across pushes."""

from __future__ import annotations

import random

from sidecar.config.route import Route
from sidecar.config.route_match import RouteMatch
from sidecar.routing.choice import HEADER_CLUSTERS_MAX, Draws, FromHeader, Single, Weighted
from sidecar.routing.decision import CompiledRoute, Edits, RouteDecision
from sidecar.routing.timeouts import Budget
from tests.sidecar.routing.requests import get


def decision(cluster: str) -> RouteDecision:
    from sidecar.config.route_action import RouteAction

    route = Route(match=RouteMatch(prefix="/"), route=RouteAction(cluster=cluster))
    return RouteDecision(CompiledRoute(route, virtual_host="a", position=0), cluster, Edits(), budget=Budget())


def test_one() -> None:
    one = decision("a")
    assert Single(one).choose(get()) is one


def test_by_weight() -> None:
    draws = Draws(None, random.Random(0))
    chosen = Weighted([decision("a"), decision("b")], draws.take("route", ["a", "b"], [3, 1]))
    clusters = [found.cluster for _ in range(8) if (found := chosen.choose(get())) is not None]
    assert sorted(clusters) == ["a"] * 6 + ["b"] * 2


def test_by_header() -> None:
    made: list[str] = []

    def make(cluster: str) -> RouteDecision:
        made.append(cluster)
        return decision(cluster)

    chosen = FromHeader("X-Cluster", make)
    assert chosen.choose(get()) is None
    for _ in range(2):
        found = chosen.choose(get(x_cluster="b"))
        assert found is not None and found.cluster == "b"
    assert made == ["b"]
    for number in range(3 * HEADER_CLUSTERS_MAX):
        chosen.choose(get(x_cluster=f"c{number}"))
    assert len(chosen._memo) == HEADER_CLUSTERS_MAX


def test_a_sequence_goes_on_only_for_the_same_route_and_weights() -> None:
    rng = random.Random(0)
    first = Draws(None, rng)
    kept = first.take("route", ["a", "b"], [90, 10])
    second = Draws(first, rng)
    assert second.take("route", ["a", "b"], [90, 10]) is kept
    assert second.take("route", ["a", "b"], [90, 10]) is not kept, "a second route of the same identity"
    assert Draws(first, rng).take("route", ["a", "b"], [80, 20]) is not kept
    assert Draws(first, rng).take("route", ["a", "c"], [90, 10]) is not kept
    assert Draws(first, rng).take("other", ["a", "b"], [90, 10]) is not kept


def test_tables_do_not_keep_their_predecessors() -> None:
    first = Draws(None, random.Random(0))
    second = Draws(first, random.Random(0))
    second.forget_previous()
    assert second._previous == {}
