"""OTLP JSON becomes a tree on a time axis."""

from __future__ import annotations

from typing import Any

from mesh.cli.trace import group, waterfall


def span(identifier: str, parent: str, start_ms: int, end_ms: int, kind: int = 2) -> dict[str, Any]:
    return {
        "traceId": "t1",
        "spanId": identifier,
        "parentSpanId": parent,
        "name": f"span {identifier}",
        "kind": kind,
        "startTimeUnixNano": str(start_ms * 1_000_000),
        "endTimeUnixNano": str(end_ms * 1_000_000),
        "attributes": [{"key": "http.status_code", "value": {"stringValue": "200"}}],
    }


def document(**services: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": name}}]},
                "scopeSpans": [{"spans": spans}],
            }
            for name, spans in services.items()
        ]
    }


def test_children_follow_their_parents_in_order_of_time() -> None:
    traces = group(document(back=[span("c", "a", 6, 9), span("b", "a", 1, 4)], front=[span("a", "", 0, 10, kind=3)]))
    lines = waterfall("t1", traces["t1"], 80)
    assert lines[0] == "trace t1  10.0 ms, 2 services, 3 spans"
    assert [line.split("|")[0].rstrip() for line in lines[1:]] == [
        "  front out span a 200",
        "    back in span b 200",
        "    back in span c 200",
    ]
    assert lines[2].endswith("3.00 ms")
    bars = [line.split("|")[1] for line in lines[1:]]
    assert bars[1].index("█") < bars[2].index("█")


def test_a_span_without_its_parent_is_shown() -> None:
    traces = group(document(one=[span("x", "never-arrived", 0, 1)]))
    assert len(waterfall("t1", traces["t1"], 80)) == 2


def test_a_loop_of_parents_ends() -> None:
    traces = group(document(one=[span("a", "a", 0, 1)]))
    assert len(waterfall("t1", traces["t1"], 40)) == 2


def test_nothing() -> None:
    assert group({}) == {}
