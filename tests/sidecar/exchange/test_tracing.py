"""Trace context: continued in whatever form it came, sampled as decided by who began it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sidecar.config.core import Percent
from sidecar.config.tracing import CustomTag, EnvironmentTag, HeaderTag, LiteralTag, Tracing
from sidecar.exchange.tracing import Incoming, Tracer, custom_tags, fresh_lines, incoming, write
from sidecar.protocol.message import Headers, RequestHead

TRACE, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": b"00-%s-%s-01" % (TRACE, SPAN)}, Incoming(TRACE, SPAN, True)),
        ({"traceparent": b"00-%s-%s-00" % (TRACE, SPAN)}, Incoming(TRACE, SPAN, False)),
        ({"traceparent": b"cc-%s-%s-01-more" % (TRACE, SPAN)}, Incoming(TRACE, SPAN, True)),
        ({"traceparent": b"ff-%s-%s-01" % (TRACE, SPAN)}, None),
        ({"traceparent": b"00-%s-%s-01" % (b"0" * 32, SPAN)}, None),
        ({"traceparent": b"00-%s-%s-01" % (TRACE.upper(), SPAN)}, None),
        ({"b3": b"%s-%s-1" % (TRACE, SPAN)}, Incoming(TRACE, SPAN, True)),
        ({"b3": b"%s-%s" % (TRACE[16:], SPAN)}, Incoming(b"0" * 16 + TRACE[16:], SPAN, None)),
        ({"b3": b"0"}, None),
        ({"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": b"0"}, Incoming(TRACE, SPAN, False)),
        ({"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-flags": b"1"}, Incoming(TRACE, SPAN, True)),
        ({"x-b3-traceid": b"zz", "x-b3-spanid": SPAN}, None),
        ({}, None),
    ],
)
def test_incoming(headers: dict[str, bytes], expected: Incoming | None) -> None:
    assert incoming(Headers((key.encode(), value) for key, value in headers.items())) == expected


def tracer(percent: float = 100, **fields: Any) -> Tracer:
    return Tracer(Tracing(random_sampling=Percent(value=percent), **fields), random.Random(1))


def test_a_trace_begins_here() -> None:
    head = RequestHead(b"GET", b"/")
    context = tracer().begin(head)
    assert context.sampled
    assert context.parent_span_id == b""
    assert head.headers.get(b"traceparent") == b"00-%s-%s-01" % (context.trace_id, context.span_id)
    assert head.headers.get(b"x-b3-traceid") == context.trace_id
    assert b"x-b3-parentspanid" not in head.headers
    assert not tracer(0).begin(RequestHead(b"GET", b"/")).sampled


def test_a_trace_goes_on() -> None:
    head = RequestHead(b"GET", b"/", headers=Headers([(b"b3", b"%s-%s-0" % (TRACE, SPAN)), (b"tracestate", b"a=b")]))
    context = tracer().begin(head)
    assert (context.trace_id, context.parent_span_id, context.sampled, context.state) == (TRACE, SPAN, False, b"a=b")
    assert head.headers.get(b"x-b3-parentspanid") == SPAN
    assert head.headers.get(b"x-b3-sampled") == b"0"
    assert b"b3" not in head.headers


def test_sampling_rate() -> None:
    one = tracer(10)
    sampled = sum(one.begin(RequestHead(b"GET", b"/")).sampled for _ in range(2000))
    assert 140 < sampled < 260


def test_custom_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZONE", "z1")
    tags = (
        CustomTag(tag="a", literal=LiteralTag(value="1")),
        CustomTag(tag="b", request_header=HeaderTag(name="X-B", default_value="none")),
        CustomTag(tag="c", environment=EnvironmentTag(name="ZONE")),
    )
    assert custom_tags(tracer(custom_tags=tags), Headers([(b"x-b", b"2")])) == {"a": "1", "b": "2", "c": "z1"}
    assert custom_tags(tracer(), Headers()) is None


@pytest.mark.parametrize("sampling", [0.0, 100.0])
def test_lines_are_what_write_adds(sampling: float) -> None:
    context = Tracer(Tracing(random_sampling=Percent(value=sampling)), random.Random(1)).fresh()
    headers = Headers()
    write(headers, context)
    assert fresh_lines(context) == headers.wire()
