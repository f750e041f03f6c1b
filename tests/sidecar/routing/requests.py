"""Shared by the routing tests: requests in one line, tables from plain JSON."""

from __future__ import annotations

import random
from typing import Any

from sidecar.config.parse import ROUTES, parse
from sidecar.config.refusal import Refusal
from sidecar.config.route import RouteConfiguration
from sidecar.protocol.message import Headers, RequestHead
from sidecar.routing.table import RouteTable


def get(path: str = "/", host: str = "a", *, method: str = "GET", scheme: str = "http", **headers: str) -> RequestHead:
    """Header names with underscores for dashes."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return RequestHead(
        method.encode(), path.encode(), authority=host.encode(), scheme=scheme.encode(), headers=Headers(pairs)
    )


def configuration(*routes: dict[str, Any], **fields: Any) -> RouteConfiguration:
    """One virtual host `a` for every name."""
    return hosts({"name": "a", "domains": ["*"], "routes": list(routes)}, **fields)


def hosts(*virtual_hosts: dict[str, Any], **fields: Any) -> RouteConfiguration:
    parsed = parse(ROUTES, {"name": "9080", "virtual_hosts": list(virtual_hosts), **fields})
    assert isinstance(parsed, RouteConfiguration), parsed
    return parsed


def table(config: RouteConfiguration, *, previous: RouteTable | None = None, seed: int = 0) -> RouteTable:
    compiled = RouteTable.compile(config, previous=previous, rng=random.Random(seed))
    assert isinstance(compiled, RouteTable), compiled
    return compiled


def refused(config: RouteConfiguration) -> Refusal:
    compiled = RouteTable.compile(config, rng=random.Random(0))
    assert isinstance(compiled, Refusal), compiled
    return compiled


def to(cluster: str, **match: Any) -> dict[str, Any]:
    """A route to `cluster`; without a path condition it takes every path."""
    if not {"prefix", "path", "safe_regex", "path_separated_prefix"} & match.keys():
        match["prefix"] = "/"
    return {"match": match, "route": {"cluster": cluster}}


def weighted(**weights: int) -> dict[str, Any]:
    return {"weighted_clusters": {"clusters": [{"name": name, "weight": weight} for name, weight in weights.items()]}}
