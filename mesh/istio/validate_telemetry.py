"""Telemetry: tracing, metrics and access logging; and ProxyConfig, a proxy's own settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.check_targets import check_attachment
from mesh.istio.check_values import check_duration, check_selector
from mesh.istio.findings import Findings
from mesh.istio.values import integer, items, mapping, text

Spec = Mapping[str, Any]
METRICS = frozenset({
    "ALL_METRICS", "REQUEST_COUNT", "REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE", "TCP_OPENED_CONNECTIONS",
    "TCP_CLOSED_CONNECTIONS", "TCP_SENT_BYTES", "TCP_RECEIVED_BYTES", "GRPC_REQUEST_MESSAGES",
    "GRPC_RESPONSE_MESSAGES",
})  # fmt: skip
MODES = frozenset({"", "CLIENT_AND_SERVER", "CLIENT", "SERVER"})
OPERATIONS = frozenset({"", "UPSERT", "REMOVE"})
TAG_SOURCES = {"literal": "value", "environment": "name", "header": "name", "formatter": "value"}


def validate_telemetry(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    check_attachment(found, spec)
    if len(items(spec.get("tracing"))) > 1:
        found.warn("multiple tracing is not currently supported", "tracing")
    for at, entry in found.each("tracing", spec.get("tracing")):
        _check_tracing(at, mapping(entry))
    for at, entry in found.each("metrics", spec.get("metrics")):
        _check_providers(at, mapping(entry))
        check_duration(at, mapping(entry), "reportingInterval")
        for below, override in at.each("overrides", mapping(entry).get("overrides")):
            _check_override(below, mapping(override))
    for at, entry in found.each("accessLogging", spec.get("accessLogging")):
        _check_providers(at, mapping(entry))
        _check_mode(at, mapping(entry))


def validate_proxy_config(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    labels = mapping(spec.get("selector")).get("matchLabels")
    for key, value in mapping(labels).items():
        found.require(key, "key must not be empty", "selector.matchLabels")
        found.require(len(text(value)) <= 63, "a label value has at most 63 characters", f"selector.matchLabels[{key}]")
    check_selector(found, labels, "selector.matchLabels")
    found.require(
        integer(spec.get("concurrency")) >= 0, "concurrency must be greater than or equal to 0", "concurrency"
    )


def _check_tracing(found: Findings, tracing: Spec) -> None:
    if len(items(tracing.get("providers"))) > 1:
        found.warn("multiple providers is not currently supported", "providers")
    _check_providers(found, tracing)
    _check_mode(found, tracing)
    share = tracing.get("randomSamplingPercentage")
    if share is not None and not (isinstance(share, int | float) and 0 <= share <= 100):
        found.error("randomSamplingPercentage must be in the range 0..100", "randomSamplingPercentage")
    for name, value in mapping(tracing.get("customTags")).items():
        _check_tag(found, name, value, f"customTags[{name}]")


def _check_tag(found: Findings, name: str, value: Any, below: str) -> None:
    found.require(name, "tag name may not be empty", below)
    if value is None:
        found.error(f"tag '{name}' may not have a nil value", below)
        return
    sources = [source for source in TAG_SOURCES if mapping(value).get(source) is not None]
    if len(sources) != 1:
        found.error(f"tag '{name}' must have exactly one of {', '.join(TAG_SOURCES)}", below)
        return
    key = TAG_SOURCES[sources[0]]
    filled = mapping(mapping(value)[sources[0]]).get(key)
    found.require(filled, f"tag '{name}': {sources[0]} must have a {key}", f"{below}.{sources[0]}.{key}")


def _check_providers(found: Findings, entry: Spec) -> None:
    for at, provider in found.each("providers", entry.get("providers")):
        at.require(mapping(provider).get("name"), f"{at.path}.name in body should be at least 1 chars long", "name")


def _check_mode(found: Findings, entry: Spec) -> None:
    mode = text(mapping(entry.get("match")).get("mode"))
    found.require(mode in MODES, f"unsupported value: {mode!r}", "match.mode")


def _check_override(found: Findings, override: Spec) -> None:
    match = mapping(override.get("match"))
    _check_mode(found, override)
    if match.get("customMetric") == "":
        found.error(f"{found.path}.match.customMetric in body should be at least 1 chars long", "match.customMetric")
    if match.get("metric") is not None:
        found.require(match.get("customMetric") is None, "only one of metric and customMetric can be set", "match")
        found.require(text(match["metric"]) in METRICS, f"unsupported value: {match['metric']!r}", "match.metric")
    for tag, value in mapping(override.get("tagOverrides")).items():
        operation, below = text(mapping(value).get("operation")), f"tagOverrides[{tag}]"
        found.require(operation in OPERATIONS, f"unsupported value: {operation!r}", f"{below}.operation")
        if operation == "REMOVE":
            found.require(not mapping(value).get("value"), "value must not be set when operation is REMOVE",
                          f"{below}.value")  # fmt: skip
        elif not mapping(value).get("value"):
            found.error("value must be set when operation is UPSERT", f"{below}.value")
