"""A span keeps its ids, times and attributes through the SDK's own encoder to protobuf."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.trace import SpanKind

from mesh.telemetry.spans import attributes, readable_span
from mesh.telemetry.store import StoredSpan

SPAN = {
    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
    "spanId": "00f067aa0ba902b7",
    "parentSpanId": "00f067aa0ba902b6",
    "name": "reviews.default.svc.cluster.local:9080/*",
    "kind": 3,
    "startTimeUnixNano": "1700000000000000001",
    "endTimeUnixNano": "1700000000000000009",
    "attributes": [
        {"key": "http.status_code", "value": {"intValue": "503"}},
        {"key": "response_flags", "value": {"stringValue": "UH"}},
    ],
    "status": {"code": 2, "message": "no healthy upstream"},
    "events": [{"name": "retry", "timeUnixNano": "1700000000000000005"}],
}
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "productpage.default"}}]}


def test_through_the_sdks_encoder() -> None:
    request = encode_spans([readable_span(StoredSpan(RESOURCE, {"name": "envoy"}, SPAN))])
    (resource_spans,) = request.resource_spans
    assert resource_spans.resource.attributes[0].value.string_value == "productpage.default"
    (encoded,) = resource_spans.scope_spans[0].spans
    assert encoded.trace_id.hex() == SPAN["traceId"]
    assert encoded.span_id.hex() == SPAN["spanId"]
    assert encoded.parent_span_id.hex() == SPAN["parentSpanId"]
    assert (encoded.start_time_unix_nano, encoded.end_time_unix_nano) == (1700000000000000001, 1700000000000000009)
    assert encoded.kind == 3
    assert encoded.status.code == 2
    assert encoded.status.message == "no healthy upstream"
    assert {one.key for one in encoded.attributes} == {"http.status_code", "response_flags"}
    assert encoded.events[0].name == "retry"


def test_kinds_in_words_and_roots() -> None:
    span = {**SPAN, "kind": "SPAN_KIND_SERVER", "parentSpanId": ""}
    made = readable_span(StoredSpan({}, {}, span))
    assert made.kind is SpanKind.SERVER
    assert made.parent is None


def test_attribute_values() -> None:
    entries = [
        {"key": "s", "value": {"stringValue": "x"}},
        {"key": "b", "value": {"boolValue": True}},
        {"key": "i", "value": {"intValue": "7"}},
        {"key": "d", "value": {"doubleValue": 1.5}},
        {"key": "a", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"intValue": "1"}]}}},
        {"key": "unknown", "value": {"bytesValue": "AA=="}},
        {"key": "none"},
    ]
    assert attributes(entries) == {"s": "x", "b": True, "i": 7, "d": 1.5, "a": ["x", "1"]}
