"""Spans in, traces out; malformed ones are counted, nothing grows for ever."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.telemetry.store import SPANS_PER_TRACE_MAX, SpanStore, StoredSpan, read_otlp, well_formed


def span(trace: int, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "name": "GET /",
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        **more,
    }


def otlp(service: str, *spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}]}


def stored(*bodies: dict[str, Any]) -> SpanStore:
    store = SpanStore()
    for body in bodies:
        store.add(read_otlp(body)[0])
    return store


def trace_ids(body: dict[str, Any]) -> list[str]:
    found = [
        one["traceId"] for group in body["resourceSpans"] for scope in group["scopeSpans"] for one in scope["spans"]
    ]
    return list(dict.fromkeys(found))


def test_a_trace_is_assembled_from_several_reports() -> None:
    store = stored(otlp("a", span(1, 1), span(2, 2)), otlp("b", span(1, 3, parentSpanId=f"{1:016x}")))
    found = store.trace(f"{1:032x}")
    services = [
        (group["resource"]["attributes"][0]["value"]["stringValue"], len(group["scopeSpans"][0]["spans"]))
        for group in found["resourceSpans"]
    ]
    assert services == [("a", 1), ("b", 1)]
    assert read_otlp(found)[1] == 0


def test_newest_first_and_limited() -> None:
    store = stored(*(otlp("a", span(number)) for number in range(1, 6)))
    assert trace_ids(store.last(2)) == [f"{5:032x}", f"{4:032x}"]
    assert trace_ids(store.last(0)) == []
    assert len(trace_ids(store.last(99))) == 5


def test_the_oldest_trace_goes_first() -> None:
    store = SpanStore(traces_max=3)
    for number in range(1, 10):
        store.add(read_otlp(otlp("a", span(number)))[0])
    assert trace_ids(store.last(10)) == [f"{number:032x}" for number in (9, 8, 7)]


def test_one_trace_has_a_bound() -> None:
    store = stored(otlp("a", *(span(1, number) for number in range(1, SPANS_PER_TRACE_MAX + 11))))
    assert store.counts.accepted == SPANS_PER_TRACE_MAX
    assert store.counts.over_limit == 10


@pytest.mark.parametrize(
    "change",
    [
        {"traceId": "0" * 32},
        {"traceId": "x" * 32},
        {"traceId": "1"},
        {"spanId": ""},
        {"parentSpanId": "zz"},
        {"startTimeUnixNano": "soon"},
        {"endTimeUnixNano": -1},
        {"endTimeUnixNano": None},
        {"traceId": 5},
    ],
)
def test_malformed_spans_are_counted(change: dict[str, Any]) -> None:
    spans, malformed = read_otlp(otlp("a", span(1, **change), span(2)))
    assert ([one.span["traceId"] for one in spans], malformed) == ([f"{2:032x}"], 1)


@pytest.mark.parametrize("value", [None, [], {"resourceSpans": "x"}, {"resourceSpans": [1]}, "x"])
def test_no_otlp_at_all(value: object) -> None:
    with pytest.raises(ValueError):
        read_otlp(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_read_or_refused(value: object) -> None:
    for body in (value, {"resourceSpans": value}, {"resourceSpans": [{"scopeSpans": [{"spans": [value]}]}]}):
        try:
            spans, _ = read_otlp(body)
        except ValueError:
            continue
        assert all(isinstance(one, StoredSpan) and well_formed(one.span) for one in spans)
