"""`fault` and `corsPolicy` of a rule: configuration of HTTP filters that one route carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.values import StringMatch, duration_s, duration_text, integer, items, mapping, text
from mesh.translate.matches import string_matcher
from mesh.translate.resources import Resource, config, fractional_percent, runtime_percent

FAULT_FILTER = "envoy.filters.http.fault"
CORS_FILTER = "envoy.filters.http.cors"

GRPC_STATUS = {
    name: code
    for code, name in enumerate(
        (
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
            "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
            "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
        )
    )
}  # fmt: skip


def per_filter_config(rule: Mapping[str, Any]) -> Resource:
    """`typed_per_filter_config` of a route; empty when the rule has neither."""
    found: Resource = {}
    fault = _fault(mapping(rule.get("fault")))
    if fault:
        found[FAULT_FILTER] = fault
    if rule.get("corsPolicy") is not None:
        found[CORS_FILTER] = _cors(mapping(rule["corsPolicy"]))
    return found


def percent_of(spec: Mapping[str, Any], key: str = "percentage") -> float:
    """An absent percentage of a fault means none, not all (Istio)."""
    value = mapping(spec.get(key)).get("value")
    return float(value) if isinstance(value, int | float) else 0.0


def _fault(spec: Mapping[str, Any]) -> Resource:
    fields: Resource = {}
    delay, abort = mapping(spec.get("delay")), mapping(spec.get("abort"))
    if delay:
        fields["delay"] = {
            "fixed_delay": duration_text(duration_s(delay.get("fixedDelay")) or 0.0),
            "percentage": fractional_percent(_share(delay)),
        }
    if abort.get("httpStatus"):
        fields["abort"] = {"http_status": integer(abort["httpStatus"]), "percentage": fractional_percent(_share(abort))}
    elif text(abort.get("grpcStatus")) in GRPC_STATUS:
        fields["abort"] = {
            "grpc_status": GRPC_STATUS[text(abort["grpcStatus"])],
            "percentage": fractional_percent(_share(abort)),
        }
    return config("fault", **fields) if fields else {}


def _share(spec: Mapping[str, Any]) -> float:
    """`percent` is the field of old configurations, a whole number."""
    return percent_of(spec) if spec.get("percentage") is not None else float(integer(spec.get("percent")))


def _cors(spec: Mapping[str, Any]) -> Resource:
    origins = [StringMatch.read(origin) for origin in items(spec.get("allowOrigins"))]
    origins += [StringMatch("exact", text(origin)) for origin in items(spec.get("allowOrigin"))]
    fields: Resource = {
        "allow_origin_string_match": [string_matcher(origin) for origin in origins if origin.kind],
        "forward_not_matching_preflights": text(spec.get("unmatchedPreflights")) != "IGNORE",
        "filter_enabled": runtime_percent(100),
    }
    for key, target in (("allowMethods", "allow_methods"), ("allowHeaders", "allow_headers"),
                        ("exposeHeaders", "expose_headers")):  # fmt: skip
        if items(spec.get(key)):
            fields[target] = ",".join(text(one) for one in items(spec[key]))
    max_age = duration_s(spec.get("maxAge"))
    if max_age is not None:
        fields["max_age"] = str(int(max_age))
    if spec.get("allowCredentials") is not None:
        fields["allow_credentials"] = bool(spec["allowCredentials"])
    return config("cors_policy", **fields)
