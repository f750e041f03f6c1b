"""Forwarding: a real collector gets the spans; one that is down costs counted spans and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from mesh.telemetry.forward import Forwarder, traces_url
from mesh.telemetry.store import StoredSpan

SPAN = {
    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
    "spanId": "00f067aa0ba902b7",
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "2",
}
STORED = StoredSpan({}, {}, SPAN)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://c:4318", "http://c:4318/v1/traces"),
        ("http://c:4318/", "http://c:4318/v1/traces"),
        ("https://c/v1/traces", "https://c/v1/traces"),
        ("c:4318", "http://c:4318/v1/traces"),
    ],
)
def test_url(endpoint: str, url: str) -> None:
    assert traces_url(endpoint) == url


async def test_a_collector_gets_the_original_ids() -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def collect(request: web.Request) -> web.Response:
        body = await request.read()
        if not received.done():
            received.set_result(body)
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", collect)
    async with TestServer(app) as server:
        forwarder = Forwarder.to_endpoint(f"http://127.0.0.1:{server.port}")
        forwarder.start()
        forwarder.add([STORED])
        body = await asyncio.wait_for(received, 10)
        await asyncio.to_thread(forwarder.stop)
    request = ExportTraceServiceRequest.FromString(body)
    assert request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex() == SPAN["traceId"]
    assert (forwarder.dropped, forwarder.failed) == (0, 0)


class Held:
    """An exporter that does not return until it is let go."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.entered, self.go = threading.Event(), threading.Event()
        self.exported = 0
        self.result = result

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.set()
        self.go.wait(10)
        self.exported += len(spans)
        return self.result

    def shutdown(self) -> None:
        pass


def test_a_stuck_collector_costs_counted_spans_only() -> None:
    exporter = Held()
    forwarder = Forwarder(exporter, queue_spans_max=5)
    forwarder.start()
    forwarder.add([STORED])
    assert exporter.entered.wait(10)
    forwarder.add([STORED] * 20)
    assert forwarder.dropped == 15
    exporter.go.set()
    forwarder.stop()


def test_what_the_collector_refuses_is_counted() -> None:
    exporter = Held(SpanExportResult.FAILURE)
    exporter.go.set()
    forwarder = Forwarder(exporter)
    forwarder.start()
    forwarder.add([STORED] * 3)
    forwarder.stop()
    assert (exporter.exported, forwarder.failed) == (3, 3)
