"""The last traces in memory, assembled by trace id. Pure.

Spans are kept as they came (OTLP JSON), so what `mesh trace -o json` prints is what the proxies sent. They are kept
encoded: as objects they would take five times the memory. When full, the trace that began to arrive first goes first.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Json = dict[str, Any]
TRACES_MAX = 1000
SPANS_PER_TRACE_MAX = 500
SHARED_MAX = 4096
"""Resources and scopes held once for all their spans; beyond this many the table starts anew."""
_TRACE_ID = re.compile("[0-9a-f]{32}")
_SPAN_ID = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span with the resource (the workload) and the scope that it was reported under."""

    resource: Json
    scope: Json
    span: Json


_Kept = tuple[bytes, bytes, bytes]
"""Resource, scope and span, encoded."""


@dataclass(slots=True)
class Counts:
    accepted: int = 0
    malformed: int = 0
    over_limit: int = 0  # spans beyond SPANS_PER_TRACE_MAX of one trace


@dataclass(slots=True)
class SpanStore:
    traces_max: int = TRACES_MAX
    counts: Counts = field(default_factory=Counts)
    _traces: OrderedDict[str, list[_Kept]] = field(default_factory=OrderedDict)
    _shared: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, spans: Iterable[StoredSpan]) -> None:
        for stored in spans:
            trace = self._traces.setdefault(stored.span["traceId"], [])
            if len(trace) >= SPANS_PER_TRACE_MAX:
                self.counts.over_limit += 1
                continue
            resource, scope = (self._share(msgspec.json.encode(one)) for one in (stored.resource, stored.scope))
            trace.append((resource, scope, msgspec.json.encode(stored.span)))
            self.counts.accepted += 1
        while len(self._traces) > self.traces_max:
            self._traces.popitem(last=False)

    def _share(self, encoded: bytes) -> bytes:
        if len(self._shared) >= SHARED_MAX:
            self._shared.clear()
        return self._shared.setdefault(encoded, encoded)

    def last(self, limit: int) -> Json:
        """OTLP JSON of the newest `limit` traces, newest first."""
        newest = list(reversed(self._traces.values()))[: max(0, limit)]
        return to_otlp(_stored(kept) for trace in newest for kept in trace)

    def trace(self, trace_id: str) -> Json:
        return to_otlp(map(_stored, self._traces.get(trace_id.lower(), ())))

    def __len__(self) -> int:
        return len(self._traces)


def read_otlp(value: Any) -> tuple[list[StoredSpan], int]:
    """The well-formed spans of an ExportTraceServiceRequest in JSON, and how many were not well formed.

    Raises ValueError when the value is no such request at all.
    """
    if not isinstance(value, Mapping):
        raise ValueError("an OTLP JSON object is expected")
    found: list[StoredSpan] = []
    malformed = 0
    for resource_spans in _list(value, "resourceSpans", "resource_spans"):
        resource = resource_spans.get("resource") or {}
        for scope_spans in _list(resource_spans, "scopeSpans", "scope_spans"):
            scope = scope_spans.get("scope") or {}
            for span in _list(scope_spans, "spans", "spans"):
                if well_formed(span):
                    found.append(StoredSpan(resource, scope, span))
                else:
                    malformed += 1
    return found, malformed


def well_formed(span: Mapping[str, Any]) -> bool:
    """Identifiers and times are as OTLP/JSON writes them; everything later may rely on that."""
    parent = span.get("parentSpanId") or ""
    return bool(
        _matches(_TRACE_ID, span.get("traceId"))
        and _matches(_SPAN_ID, span.get("spanId"))
        and (not parent or _matches(_SPAN_ID, parent))
        and _nanoseconds(span.get("startTimeUnixNano"))
        and _nanoseconds(span.get("endTimeUnixNano"))
    )


def to_otlp(spans: Iterable[StoredSpan]) -> Json:
    """Spans with the same resource and scope are grouped, in order of appearance."""
    resource_spans: list[Json] = []
    for stored in spans:
        group = resource_spans[-1] if resource_spans else None
        if group is None or group["resource"] != stored.resource or group["scopeSpans"][0]["scope"] != stored.scope:
            group = {"resource": stored.resource, "scopeSpans": [{"scope": stored.scope, "spans": []}]}
            resource_spans.append(group)
        group["scopeSpans"][0]["spans"].append(stored.span)
    return {"resourceSpans": resource_spans}


def _stored(kept: _Kept) -> StoredSpan:
    resource, scope, span = (msgspec.json.decode(part) for part in kept)
    return StoredSpan(resource, scope, span)


def _list(value: Mapping[str, Any], name: str, alternative: str) -> Iterator[Json]:
    entries = value.get(name) or value.get(alternative) or []
    if not isinstance(entries, list):
        raise ValueError(f"{name}: must be a list")
    for entry in entries:
        if not isinstance(entry, dict):
            raise ValueError(f"{name}: must hold objects")
        yield entry


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None and value.strip("0") != ""


def _nanoseconds(value: Any) -> bool:
    """Proto3 JSON writes a fixed64 as a string, and reads numbers too."""
    return (isinstance(value, str) and value.isascii() and value.isdigit()) or (type(value) is int and value >= 0)
