"""Where finished exchanges go: metrics at once (integers), access logs and spans into bounded batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from sidecar.telemetry.access_log import (
    ENVOY_DEFAULT,
    AccessLogFile,
    FormattedLog,
    json_formatter,
    text_formatter,
)
from sidecar.telemetry.istio_metrics import IstioMetrics
from sidecar.telemetry.record import AccessLog, ExchangeRecord, Peer
from sidecar.telemetry.stats import Stats

SPANS_PENDING_MAX = 4096


class Telemetry:
    """The `RecordSink` of a running proxy. `spans` is drained by the exporter; None of this blocks."""

    def __init__(self, stats: Stats, local: Peer) -> None:
        self.stats = stats
        self.metrics = IstioMetrics(stats, local)
        self.spans: deque[ExchangeRecord] = deque()
        self._files: dict[str, AccessLogFile] = {}
        self._sent = stats.counter("tracing.opentelemetry.spans_sent")
        self._dropped = stats.counter("tracing.opentelemetry.spans_dropped")

    def opened(self, record: ExchangeRecord) -> None:
        self.metrics.opened(record)

    def finished(self, record: ExchangeRecord) -> None:
        self.metrics.finished(record)
        for log in record.access_logs:
            log.append(record)
        if record.trace_sampled and record.span_id:
            if len(self.spans) >= SPANS_PENDING_MAX:
                self._dropped.value += 1
            else:
                self.spans.append(record)

    def access_log(
        self, path: str, log_format: str | Mapping[str, Any] | None, *, omit_empty: bool = False
    ) -> AccessLog:
        if isinstance(log_format, Mapping):
            formatter = json_formatter(log_format, omit_empty=omit_empty)
        else:
            formatter = text_formatter(log_format or ENVOY_DEFAULT, omit_empty=omit_empty)
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = AccessLogFile(path, self.stats)
        return FormattedLog(file, formatter)

    def take_spans(self, count_max: int) -> list[ExchangeRecord]:
        taken = [self.spans.popleft() for _ in range(min(count_max, len(self.spans)))]
        self._sent.value += len(taken)
        return taken

    def lost_spans(self, count: int) -> None:
        """The exporter gave up on a batch."""
        self._sent.value -= count
        self._dropped.value += count

    def close(self) -> None:
        for file in self._files.values():
            file.close()
