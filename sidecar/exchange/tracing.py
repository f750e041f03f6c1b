"""Trace context in and out: W3C traceparent and B3 (one header or many), whichever came is continued, both are sent.

A trace that the caller began keeps its sampling decision; one that begins here is sampled at the configured rate.
"""

from __future__ import annotations

import os
import random
import re
from typing import NamedTuple

from sidecar.config.tracing import Tracing
from sidecar.protocol.message import Headers, RequestHead

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?\Z")
_TRACE_ID = re.compile(rb"(?:[0-9a-fA-F]{16}){1,2}\Z")
_SPAN_ID = re.compile(rb"[0-9a-fA-F]{16}\Z")
_ZERO_TRACE, _ZERO_SPAN = b"0" * 32, b"0" * 16
TRACE_STATE_BYTES_MAX = 512
"""W3C trace-context 3.3.1.5: what must be passed on at least; more is dropped."""


class Context(NamedTuple):
    """Of one request at this proxy. Ids are lower-case hex."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    sampled: bool
    state: bytes = b""


class Incoming(NamedTuple):
    trace_id: bytes
    span_id: bytes
    sampled: bool | None
    """None = the caller leaves it to us."""


def incoming(headers: Headers) -> Incoming | None:
    """The caller's context; malformed ones are as good as none."""
    index = headers.index()
    if (text := index.get(b"traceparent")) is not None:
        found = _TRACEPARENT.match(text)
        if found is not None and found[1] != b"ff" and found[2] != _ZERO_TRACE and found[3] != _ZERO_SPAN:
            return Incoming(found[2], found[3], found[4][-1:] in b"13579bdf")
    if (text := index.get(b"b3")) is not None:
        return _b3_single(text)
    if (trace := index.get(b"x-b3-traceid")) is not None:
        span = index.get(b"x-b3-spanid", b"")
        sampled = {b"1": True, b"true": True, b"0": False, b"false": False}.get(index.get(b"x-b3-sampled", b""))
        if index.get(b"x-b3-flags") == b"1":
            sampled = True
        if _TRACE_ID.match(trace) and _SPAN_ID.match(span):
            return Incoming(trace.lower().rjust(32, b"0"), span.lower(), sampled)
    return None


def _b3_single(text: bytes) -> Incoming | None:
    parts = text.split(b"-")
    if len(parts) < 2 or not _TRACE_ID.match(parts[0]) or not _SPAN_ID.match(parts[1]):
        return None
    flag = parts[2] if len(parts) > 2 else b""
    sampled = {b"1": True, b"d": True, b"0": False}.get(flag)
    return Incoming(parts[0].lower().rjust(32, b"0"), parts[1].lower(), sampled)


class Tracer:
    """Compiled from a connection manager's `tracing`."""

    __slots__ = ("_fraction", "_overall", "_rng", "keeps_spans", "tags")

    def __init__(self, config: Tracing, rng: random.Random) -> None:
        self._fraction = config.random_sampling.fraction
        self._overall = config.overall_sampling.fraction
        self._rng = rng
        self.keeps_spans = config.provider is not None
        self.tags = config.custom_tags

    def begin(self, head: RequestHead) -> Context:
        """Decide about this request and write the context for the next hop."""
        headers = head.headers
        came = incoming(headers)
        if came is None:
            context = self.fresh()
        else:
            state = headers.get(b"tracestate") or b""
            context = Context(
                came.trace_id,
                self._span_id(),
                came.span_id,
                self._sampled() if came.sampled is None else self._kept(came.sampled),
                state if len(state) <= TRACE_STATE_BYTES_MAX else b"",
            )
        write(headers, context)
        return context

    def fresh(self) -> Context:
        """Of a request that came without any."""
        return Context(b"%032x" % (self._rng.getrandbits(128) or 1), self._span_id(), b"", self._sampled())

    def _span_id(self) -> bytes:
        return b"%016x" % (self._rng.getrandbits(64) or 1)

    def _sampled(self) -> bool:
        return self._kept(self._fraction > 0 and (self._fraction >= 1 or self._rng.random() < self._fraction))

    def _kept(self, sampled: bool) -> bool:
        return sampled and (self._overall >= 1 or self._rng.random() < self._overall)


def fresh_lines(context: Context) -> bytes:
    """What `write` adds for a trace that begins here, as HTTP/1 lines."""
    flag = b"1" if context.sampled else b"0"
    trace, span = context.trace_id, context.span_id
    return b"traceparent: 00-%s-%s-0%s\r\nx-b3-traceid: %s\r\nx-b3-spanid: %s\r\nx-b3-sampled: %s\r\n" % (
        trace, span, flag, trace, span, flag,
    )  # fmt: skip


def write(headers: Headers, context: Context) -> None:
    flag = b"1" if context.sampled else b"0"
    headers.set(b"traceparent", b"00-%s-%s-0%s" % (context.trace_id, context.span_id, flag))
    headers.remove(b"b3")
    headers.remove(b"x-b3-flags")
    headers.set(b"x-b3-traceid", context.trace_id)
    headers.set(b"x-b3-spanid", context.span_id)
    headers.set(b"x-b3-sampled", flag)
    if context.parent_span_id:
        headers.set(b"x-b3-parentspanid", context.parent_span_id)
    else:
        headers.remove(b"x-b3-parentspanid")


def custom_tags(tracer: Tracer, headers: Headers) -> dict[str, str] | None:
    """Only for sampled requests: tags cost."""
    if not tracer.tags:
        return None
    found: dict[str, str] = {}
    for tag in tracer.tags:
        if tag.literal is not None:
            found[tag.tag] = tag.literal.value
        elif tag.request_header is not None:
            value = headers.get(tag.request_header.name.lower().encode())
            found[tag.tag] = tag.request_header.default_value if value is None else value.decode("latin-1")
        elif tag.environment is not None:
            found[tag.tag] = os.environ.get(tag.environment.name, tag.environment.default_value)
    return found
