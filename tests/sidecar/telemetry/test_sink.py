"""One record reaches its logs, the metrics and the span queue; the queue has a bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.telemetry import sink as module
from sidecar.telemetry.record import ExchangeRecord, Peer
from sidecar.telemetry.sink import Telemetry
from sidecar.telemetry.stats import Stats


async def test_record_reaches_everything(tmp_path: Path) -> None:
    telemetry = Telemetry(Stats(), Peer())
    path = str(tmp_path / "log")
    logs = (telemetry.access_log(path, "%RESPONSE_CODE%\n"), telemetry.access_log(path, {"code": "%RESPONSE_CODE%"}))
    record = ExchangeRecord(response_code=204, reporter="source", access_logs=logs, trace_sampled=True, span_id="1")
    telemetry.finished(record)
    telemetry.finished(ExchangeRecord(span_id="2"))
    telemetry.close()
    assert Path(path).read_text() == '204\n{"code":204}\n'
    assert telemetry.take_spans(10) == [record]
    assert any(metric.name == "istio_requests_total" for metric in telemetry.stats)


def test_span_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SPANS_PENDING_MAX", 2)
    telemetry = Telemetry(Stats(), Peer())
    for _ in range(5):
        telemetry.finished(ExchangeRecord(trace_sampled=True, span_id="1"))
    dropped = telemetry.stats.counter("tracing.opentelemetry.spans_dropped")
    assert dropped.value == 3
    assert len(telemetry.take_spans(10)) == 2
    telemetry.lost_spans(2)
    assert dropped.value == 5


def test_bad_format_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="NOPE"):
        Telemetry(Stats(), Peer()).access_log("/dev/stdout", "%NOPE%")
