"""OTLP JSON spans as opentelemetry-sdk's ReadableSpan, with the ids that the proxies gave them.

The SDK's exporters take nothing else; making spans through its tracer would give them new ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from mesh.telemetry.store import StoredSpan

AttributeValue = str | bool | int | float | list[str] | list[bool] | list[int] | list[float]

KINDS: dict[int | str, SpanKind] = {
    # OTLP counts from UNSPECIFIED = 0, the SDK from INTERNAL = 0.
    **{kind.value + 1: kind for kind in SpanKind},
    **{f"SPAN_KIND_{kind.name}": kind for kind in SpanKind},
}
STATUS_CODES: dict[int | str, StatusCode] = {
    **{code.value: code for code in StatusCode},
    **{f"STATUS_CODE_{code.name}": code for code in StatusCode},
}


def readable_span(stored: StoredSpan) -> ReadableSpan:
    """`stored.span` is well formed (`mesh.telemetry.store.well_formed`)."""
    span = stored.span
    parent_id = span.get("parentSpanId") or ""
    status = span.get("status") or {}
    code = STATUS_CODES.get(status.get("code", 0), StatusCode.UNSET)
    # The SDK takes a description with ERROR only.
    description = status.get("message") or None if code is StatusCode.ERROR else None
    return ReadableSpan(
        name=str(span.get("name") or ""),
        context=_context(span["traceId"], span["spanId"], str(span.get("traceState") or "")),
        parent=_context(span["traceId"], parent_id, "") if parent_id else None,
        resource=Resource(attributes(stored.resource.get("attributes"))),
        attributes=attributes(span.get("attributes")),
        events=[_event(one) for one in span.get("events") or ()],
        links=[_link(one) for one in span.get("links") or () if one.get("traceId") and one.get("spanId")],
        kind=KINDS.get(span.get("kind", 0), SpanKind.INTERNAL),
        status=Status(code, description),
        start_time=int(span["startTimeUnixNano"]),
        end_time=int(span["endTimeUnixNano"]),
        instrumentation_scope=InstrumentationScope(
            str(stored.scope.get("name") or "pocketmesh"), str(stored.scope.get("version") or "")
        ),
    )


def attributes(entries: Iterable[Mapping[str, Any]] | None) -> dict[str, AttributeValue]:
    """OTLP's list of {key, value} as a mapping; values of kinds that the SDK does not know are left out."""
    found = ((str(entry.get("key") or ""), _value(entry.get("value") or {})) for entry in entries or ())
    return {key: value for key, value in found if key and value is not None}


def _value(value: Mapping[str, Any]) -> AttributeValue | None:
    match value:
        case {"stringValue": str(text)}:
            return text
        case {"boolValue": bool(flag)}:
            return flag
        case {"intValue": str() | int() as number}:
            return int(number)
        case {"doubleValue": int() | float() as number}:
            return float(number)
        case {"arrayValue": {"values": list(items)}}:
            return [str(one) for item in items if (one := _value(item)) is not None]
    return None


def _context(trace_id: str, span_id: str, state: str) -> SpanContext:
    return SpanContext(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([state]) if state else None,
    )


def _event(event: Mapping[str, Any]) -> Event:
    time_ns = event.get("timeUnixNano") or 0
    return Event(str(event.get("name") or ""), attributes(event.get("attributes")), int(time_ns))


def _link(link: Mapping[str, Any]) -> Link:
    return Link(_context(link["traceId"], link["spanId"], ""), attributes(link.get("attributes")))
