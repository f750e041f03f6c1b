"""The attributes that a `when` condition of an AuthorizationPolicy can name, and what their values must be."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from mesh.istio.findings import Findings
from mesh.istio.values import items, text

PLAIN = frozenset({
    "source.ip", "remote.ip", "source.namespace", "source.principal", "source.serviceAccount", "source.trustDomain",
    "request.auth.principal", "request.auth.audiences", "request.auth.presenter", "destination.ip",
    "destination.port", "connection.sni",
})  # fmt: skip
ADDRESSES = frozenset({"source.ip", "remote.ip", "destination.ip"})
MAPS = ("request.headers", "request.auth.claims")
EXPERIMENTAL = "experimental.envoy.filters."
_MAP_KEY = re.compile(r"(request\.headers|request\.auth\.claims)((?:\[[^\[\]]+\])+)")


def check_condition(found: Findings, condition: Mapping[str, Any], *, custom: bool = False) -> None:
    """`custom`: the policy is asked before a token is read, so nothing of a token is known."""
    key = text(condition.get("key"))
    values = [text(value) for field in ("values", "notValues") for value in items(condition.get(field))]
    if not key:
        found.error("`key` cannot be empty", "key")
        return
    if not known(key):
        found.error(f"unknown attribute: {key}", "key")
    found.require(values, "at least one of `values` or `notValues` must be set", "values")
    for field in ("values", "notValues"):
        for at, value in found.each(field, condition.get(field)):
            problem = value_problem(key, text(value))
            if problem:
                at.error(problem)
    if custom and key.startswith("request.auth."):
        found.error("a CUSTOM policy is asked before the token is read", "key")


def known(key: str) -> bool:
    if key in PLAIN or key.startswith(EXPERIMENTAL):
        return True
    match = _MAP_KEY.fullmatch(key)
    return match is not None and (match.group(1) != "request.headers" or match.group(2).count("[") == 1)


def value_problem(key: str, value: str) -> str:
    if not value:
        return "value cannot be empty"
    if key in ADDRESSES:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            return f"bad CIDR range ({value}): invalid IP address"
    if key == "destination.port" and not (re.fullmatch(r"[1-9]\d{0,4}", value) and int(value) <= 65535):
        return f"port must be in the range 1..65535: {value}"
    if key == "source.serviceAccount" and "*" in value:
        return "service accounts do not support wildcards"
    return ""
