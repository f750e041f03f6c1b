"""Conditions of a VirtualService's rule -> Envoy's RouteMatch, and which proxies a condition is for at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.values import StringMatch, integer, items, mapping, text
from mesh.translate.resources import Resource

Match = Mapping[str, Any]
PSEUDO_HEADERS = (("method", ":method"), ("authority", ":authority"), ("scheme", ":scheme"))


def applies(match: Match, *, port: int, labels: Mapping[str, str], namespace: str, gateways: frozenset[str]) -> bool:
    """Port, gateways and source select proxies and listeners, not requests: decided here, once.

    A match that names gateways is not asked for its source labels (Istio).
    """
    wanted_port = integer(match.get("port"))
    if wanted_port and wanted_port != port:
        return False
    named = items(match.get("gateways"))
    if named:
        return any(name in gateways for name in named)
    if not mapping(match.get("sourceLabels")).items() <= labels.items():
        return False
    return text(match.get("sourceNamespace")) in ("", namespace)


def route_match(match: Match | None) -> Resource:
    """`match` None = everything."""
    if match is None:
        return {"prefix": "/"}
    found: Resource = _path(match)
    if match.get("ignoreUriCase"):
        found["case_sensitive"] = False
    headers = [_header(name, value) for name, value in sorted(mapping(match.get("headers")).items())]
    headers += [_absent(name, value) for name, value in sorted(mapping(match.get("withoutHeaders")).items())]
    headers.sort(key=lambda one: str(one["name"]))
    headers += [_header(name, match[key]) for key, name in PSEUDO_HEADERS if match.get(key) is not None]
    if headers:
        found["headers"] = headers
    parameters = [_parameter(name, value) for name, value in sorted(mapping(match.get("queryParams")).items())]
    if parameters:
        found["query_parameters"] = parameters
    return found


def is_catch_all(found: Resource) -> bool:
    """No later rule of the same VirtualService can be reached."""
    everything = found.get("prefix") == "/" or mapping(found.get("safe_regex")).get("regex") == ".*"
    return everything and "headers" not in found and "query_parameters" not in found


def string_matcher(match: StringMatch) -> Resource:
    """Envoy's StringMatcher; a regular expression must match the whole text in Istio and in Envoy."""
    return {"safe_regex": {"regex": match.value}} if match.kind == "regex" else {match.kind: match.value}


def path_text(found: Resource) -> str:
    """How a span's operation shows the match: `/*`, `/productpage`, or the expression."""
    if "prefix" in found:
        return f"{found['prefix']}*"
    return str(found.get("path") or mapping(found.get("safe_regex")).get("regex") or "/*")


def _path(match: Match) -> Resource:
    uri = StringMatch.read(match.get("uri"))
    if uri.kind == "exact":
        return {"path": uri.value}
    if uri.kind == "regex":
        return {"safe_regex": {"regex": uri.value}}
    return {"prefix": uri.value if uri.kind == "prefix" else "/"}


def _header(name: str, value: Any) -> Resource:
    wanted = StringMatch.read(value)
    if wanted.presence:
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_matcher(wanted)}


def _absent(name: str, value: Any) -> Resource:
    """An inverted match sees a missing header as an empty one, except where presence itself is asked."""
    found = {**_header(name, value), "invert_match": True}
    if "string_match" in found:
        found["treat_missing_header_as_empty"] = True
    return found


def _parameter(name: str, value: Any) -> Resource:
    wanted = StringMatch.read(value)
    if wanted.presence:
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_matcher(wanted)}
