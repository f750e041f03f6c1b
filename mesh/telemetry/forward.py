"""Spans on to an OTLP endpoint, through opentelemetry-sdk's exporter in a thread of its own.

The exporter blocks (requests, retries), so it must not run in the event loop. The queue between is bounded: a collector
that is down costs spans, which are counted, and nothing else.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from mesh.telemetry.store import StoredSpan

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

log = logging.getLogger(__name__)

QUEUE_SPANS_MAX = 4096
BATCH_SPANS_MAX = 512
EXPORT_TIMEOUT_S = 5
STOP_WAIT_S = 2.0
TRACES_PATH = "/v1/traces"
_LAST = None
"""What the queue's reader takes as its end."""


class Exporter(Protocol):
    """The part of opentelemetry-sdk's SpanExporter that is used here."""

    def export(self, spans: Sequence[ReadableSpan]) -> object: ...

    def shutdown(self) -> None: ...


class Forwarder:
    def __init__(self, exporter: Exporter, *, queue_spans_max: int = QUEUE_SPANS_MAX) -> None:
        self.dropped = 0
        self.failed = 0
        self._exporter = exporter
        self._queue: queue.Queue[StoredSpan | None] = queue.Queue(queue_spans_max)
        self._thread = threading.Thread(target=self._run, name="otlp-forward", daemon=True)

    @classmethod
    def to_endpoint(cls, endpoint: str) -> Forwarder:
        """`endpoint` as OTEL_EXPORTER_OTLP_ENDPOINT: a base URL, `/v1/traces` is added."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return cls(OTLPSpanExporter(endpoint=traces_url(endpoint), timeout=EXPORT_TIMEOUT_S))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is queued is sent if that is quick."""
        try:
            self._queue.put_nowait(_LAST)
        except queue.Full:
            return
        self._thread.join(STOP_WAIT_S)

    def add(self, spans: Iterable[StoredSpan]) -> None:
        for span in spans:
            try:
                self._queue.put_nowait(span)
            except queue.Full:
                self.dropped += 1

    def _run(self) -> None:
        running = True
        while running:
            batch, running = self._batch()
            if batch:
                self._export(batch)
        self._exporter.shutdown()

    def _batch(self) -> tuple[list[StoredSpan], bool]:
        """Waits for one span, takes what else is there. False with the last batch."""
        batch: list[StoredSpan] = []
        while len(batch) < BATCH_SPANS_MAX:
            try:
                span = self._queue.get(block=not batch)
            except queue.Empty:
                break
            if span is _LAST:
                return batch, False
            batch.append(span)
        return batch, True

    def _export(self, batch: list[StoredSpan]) -> None:
        from opentelemetry.sdk.trace.export import SpanExportResult

        from mesh.telemetry.spans import readable_span

        try:
            result = self._exporter.export([readable_span(one) for one in batch])
        except Exception:
            log.exception("%d spans could not be forwarded", len(batch))
            self.failed += len(batch)
            return
        if result is not SpanExportResult.SUCCESS:
            self.failed += len(batch)


def traces_url(endpoint: str) -> str:
    base = endpoint if "://" in endpoint else f"http://{endpoint}"
    return base if base.endswith(TRACES_PATH) else base.rstrip("/") + TRACES_PATH
