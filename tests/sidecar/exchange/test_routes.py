"""Route tables by name: shared holders, refusals change nothing, sequences go on."""

from __future__ import annotations

import random

import pytest

from sidecar.config.parse import ROUTES, parse
from sidecar.config.refusal import Refusal, Refused
from sidecar.config.route import RouteConfiguration
from sidecar.exchange.routes import Routes
from sidecar.protocol.message import RequestHead
from tests.sidecar.engines import route


def config(*routes: dict[str, object], name: str = "r") -> RouteConfiguration:
    found = parse(ROUTES, {"name": name, "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": list(routes)}]})
    assert isinstance(found, RouteConfiguration), found
    return found


SPLIT = {"clusters": [{"name": "a", "weight": 3}, {"name": "b", "weight": 1}]}
BAD = {"match": {"safe_regex": {"regex": "("}}, "route": {"cluster": "a"}}


def test_put_and_remove() -> None:
    routes = Routes(random.Random(1))
    holder = routes.holder("r")
    assert holder.table is None
    assert routes.put(config(route("/", cluster="a"))) is None
    table = holder.table
    assert table is not None
    assert routes.put(config(route("/", cluster="a"))) is None
    assert holder.table is table
    refusal = routes.put(config(BAD))
    assert isinstance(refusal, Refusal)
    assert refusal.path.startswith("virtual_hosts[0].routes[0]")
    assert holder.table is table
    routes.remove("r")
    assert routes.holder("r").table is None


def test_weighted_sequences_go_on_across_tables() -> None:
    routes, seen = Routes(random.Random(1)), list[str]()
    holder = routes.holder("r")
    for number in range(40):
        extra = (route(f"/{number}", cluster="a"),)
        assert routes.put(config(*extra, route("/", weighted_clusters=SPLIT))) is None
        assert holder.table is not None
        decision = holder.table.route(RequestHead(b"GET", b"/", authority=b"a"))
        assert decision is not None
        seen.append(decision.cluster)
    assert all(seen[at : at + 4].count("b") == 1 for at in range(0, 40, 4))


def test_inline() -> None:
    routes = Routes(random.Random(1))
    assert routes.inline("l/0", config(route("/", cluster="a"))).table is not None
    with pytest.raises(Refused):
        routes.inline("l/0", config(BAD))
