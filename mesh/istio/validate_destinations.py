"""Destinations and weights of any kind of route."""

from __future__ import annotations

from typing import Any

from mesh.istio.check_values import check_host, check_port
from mesh.istio.findings import Findings
from mesh.istio.values import integer, items, mapping, text


def check_destination(found: Findings, value: Any) -> None:
    spec = mapping(value)
    if not spec:
        found.error("destination is required")
        return
    host = text(spec.get("host"))
    if host == "*":
        found.error("invalid destination host *", "host")
    else:
        check_host(found, host, wildcard=True, below="host")
    if spec.get("port") is not None:
        check_port(found, mapping(spec["port"]).get("number"), "port.number")


def check_weights(found: Findings, value: Any) -> None:
    """Any sum will do; several destinations that are all zero will not."""
    routes = [mapping(route) for route in items(value)]
    for index, route in enumerate(routes):
        if integer(route.get("weight")) < 0:
            found.error(f"weight {route['weight']} < 0", f"route[{index}].weight")
    if len(routes) > 1 and sum(max(0, integer(route.get("weight"))) for route in routes) == 0:
        found.error("total destination weight = 0", "route")
