"""`mesh trace`: the last traces as waterfalls, drawn from OTLP JSON."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from mesh.cli.debug import ask
from mesh.cli.home import running
from mesh.cli.output import emit, output_option

BAR_COLUMNS_MIN = 20
LABEL_COLUMNS_MAX = 64
DEPTH_MAX = 64


@dataclass(slots=True)
class Span:
    """One span of a trace; times in nanoseconds since the epoch."""

    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    status: str
    children: list[Span] = field(default_factory=list)


@click.command(epilog="Example: mesh trace --limit 1   or   mesh trace 4bf92f3577b34da6a3ce929d0e0e4736")
@click.argument("trace_id", required=False)
@click.option("--limit", default=3, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first.")
@output_option("json", "yaml")
@click.pass_obj
def trace(home: Path, trace_id: str | None, limit: int, output: str) -> None:
    """The last traces, or the one with TRACE_ID, as waterfalls; `-o json` is OTLP JSON."""
    query = {"limit": str(limit), **({"trace_id": trace_id} if trace_id else {})}
    found = asyncio.run(ask(running(home), "traces", query))
    if output != "table":
        emit(found, output)
        return
    traces = group(found)
    if not traces:
        click.echo(
            "no traces yet: send a request, or sample more (MeshConfig defaultConfig.tracing.sampling)", err=True
        )
    width = shutil.get_terminal_size().columns
    for identifier, spans in traces.items():
        click.echo("\n".join(waterfall(identifier, spans, width)))


def group(otlp: dict[str, Any]) -> dict[str, list[Span]]:
    """OTLP JSON to spans by trace id, in the order of the document."""
    traces: dict[str, list[Span]] = {}
    for resource in otlp.get("resourceSpans") or []:
        service = _attribute(resource.get("resource") or {}, "service.name") or "unknown"
        for scope in resource.get("scopeSpans") or []:
            for span in scope.get("spans") or []:
                traces.setdefault(span["traceId"], []).append(_span(service, span))
    return traces


def _span(service: str, span: dict[str, Any]) -> Span:
    kind = span.get("kind")
    return Span(
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId") or "",
        service=service,
        name=span.get("name") or "",
        kind={2: "in", 3: "out", "SPAN_KIND_SERVER": "in", "SPAN_KIND_CLIENT": "out"}.get(kind or 0, ""),
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        status=_attribute(span, "http.status_code") or _attribute(span, "http.response.status_code"),
    )


def _attribute(holder: dict[str, Any], key: str) -> str:
    for attribute in holder.get("attributes") or []:
        if attribute["key"] == key:
            return str(next(iter(attribute["value"].values()), ""))
    return ""


def waterfall(identifier: str, spans: list[Span], columns: int) -> list[str]:
    """One line a span: its place in the tree, its time on a common axis, its duration in milliseconds."""
    begin, end = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
    total_ns = max(end - begin, 1)
    labels = [("  " * depth + _label(span), span) for depth, span in _in_order(spans)]
    label_columns = min(max(len(text) for text, _ in labels), LABEL_COLUMNS_MAX)
    bar_columns = max(columns - label_columns - 16, BAR_COLUMNS_MIN)
    services = len({span.service for span in spans})
    lines = [f"trace {identifier}  {total_ns / 1e6:.1f} ms, {services} services, {len(spans)} spans"]
    for text, span in labels:
        offset = (span.start_ns - begin) * bar_columns // total_ns
        length = max(1, (span.end_ns - span.start_ns) * bar_columns // total_ns)
        bar = (" " * min(offset, bar_columns - 1) + "█" * length)[:bar_columns]
        duration_ms = (span.end_ns - span.start_ns) / 1e6
        lines.append(f"  {text[:label_columns].ljust(label_columns)} |{bar.ljust(bar_columns)}| {duration_ms:8.2f} ms")
    return lines


def _label(span: Span) -> str:
    status = f" {span.status}" if span.status else ""
    name = span.name.replace(".svc.cluster.local", "")  # the part that every name shares tells nothing
    return f"{span.service} {span.kind + ' ' if span.kind else ''}{name}{status}"


def _in_order(spans: list[Span]) -> Iterator[tuple[int, Span]]:
    """Parents before children, siblings by start; a span whose parent did not arrive counts as a root."""
    by_id = {span.span_id: span for span in spans}
    roots: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start_ns):
        parent = by_id.get(span.parent_id)
        (parent.children if parent is not None and parent is not span else roots).append(span)
    stack = [(0, span) for span in reversed(roots)]
    while stack:
        depth, span = stack.pop()
        yield depth, span
        if depth < DEPTH_MAX:
            stack.extend((depth + 1, child) for child in reversed(span.children))
