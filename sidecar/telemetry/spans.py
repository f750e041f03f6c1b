"""Spans as OTLP/HTTP JSON: tuples of what the record knows become one request body per batch.

Tags are the ones Istio's users look for (Envoy's standard tags and Istio's `istio.*`). In OTLP's JSON ids are hex,
times are nanoseconds as decimal strings (opentelemetry.io/docs/specs/otlp).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.telemetry.record import ExchangeRecord, Peer

URL_CHARACTERS_MAX = 256
"""Envoy's max_path_tag_length."""
KIND_SERVER = 2
KIND_CLIENT = 3
STATUS_ERROR = 2

Attribute = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SpanSource:
    """This proxy, as its spans describe it."""

    node_id: str
    local: Peer
    mesh_id: str = ""


def batch(records: Iterable[ExchangeRecord], source: SpanSource) -> bytes:
    """An ExportTraceServiceRequest. service.name is `canonical-name.namespace`, as Istio's tracers say it."""
    local = source.local
    resource = [
        _attribute("service.name", f"{local.canonical_name}.{local.namespace}"),
        _attribute("k8s.namespace.name", local.namespace),
        _attribute("k8s.pod.name", source.node_id.split("~")[2].partition(".")[0] if "~" in source.node_id else ""),
    ]
    spans = [span(record, source) for record in records]
    body = {
        "resourceSpans": [
            {"resource": {"attributes": resource}, "scopeSpans": [{"scope": {"name": "pocketmesh"}, "spans": spans}]}
        ]
    }
    return json.dumps(body, separators=(",", ":")).encode()


def span(record: ExchangeRecord, source: SpanSource) -> dict[str, Any]:
    began = int(record.started_at_s * 1e9)
    body: dict[str, Any] = {
        "traceId": record.trace_id,
        "spanId": record.span_id,
        "name": record.trace_operation or _text(record.authority) or "unknown",
        "kind": KIND_SERVER if record.reporter in {"destination", ""} else KIND_CLIENT,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(began + int(record.duration_s * 1e9)),
        "attributes": _attributes(record, source),
    }
    if record.parent_span_id:
        body["parentSpanId"] = record.parent_span_id
    if record.trace_state:
        body["traceState"] = _text(record.trace_state)
    if record.response_code >= 500 or record.response_code == 0:
        body["status"] = {"code": STATUS_ERROR}
    return body


def _attributes(record: ExchangeRecord, source: SpanSource) -> list[Attribute]:
    local = source.local
    peer = record.downstream_remote.rpartition(":")[0]
    url = f"{_text(record.scheme)}://{_text(record.authority)}{_text(record.path)}"
    tags: list[tuple[str, str | int]] = [
        ("component", "proxy"),
        ("node_id", source.node_id),
        ("guid:x-request-id", _text(record.request_id)),
        ("http.url", url[:URL_CHARACTERS_MAX]),
        ("http.method", _text(record.method)),
        ("http.protocol", record.protocol),
        ("http.status_code", str(record.response_code)),
        ("user_agent", _header(record, b"user-agent")),
        ("request_size", str(record.bytes_received)),
        ("response_size", str(record.bytes_sent)),
        ("response_flags", record.flags or "-"),
        ("downstream_cluster", "-"),
        ("peer.address", peer),
        ("upstream_cluster", record.cluster),
        ("upstream_cluster.name", record.cluster),
        ("upstream_address", record.upstream_host),
        ("istio.canonical_service", local.canonical_name),
        ("istio.canonical_revision", local.canonical_revision),
        ("istio.namespace", local.namespace),
        ("istio.cluster_id", local.cluster),
        ("istio.mesh_id", source.mesh_id),
    ]
    if record.response_code >= 500:
        tags.append(("error", "true"))
    if record.attempts > 1:
        tags.append(("retry.count", str(record.attempts - 1)))
    if isinstance(rule := (record.metadata or {}).get("istio"), Mapping) and rule.get("config"):
        tags.append(("istio.config", str(rule["config"])))
    tags.extend((record.trace_tags or {}).items())
    return [_attribute(key, value) for key, value in tags if value != ""]


def _attribute(key: str, value: str | int) -> Attribute:
    return {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}}


def _header(record: ExchangeRecord, name: bytes) -> str:
    return _text(record.request_headers.get(name) or b"") if record.request_headers is not None else ""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
