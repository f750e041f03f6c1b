"""A record is made with defaults only, and costs little."""

from __future__ import annotations

from sidecar.telemetry.record import ExchangeRecord, NullSink, Peer


def test_defaults_say_not_known() -> None:
    record = ExchangeRecord()
    assert record.is_http
    assert record.flags == ""
    assert record.response_code == 0
    record.flags = "UF"
    assert record.flags == "UF"
    assert not hasattr(record, "__dict__")
    assert Peer().workload == "unknown"


def test_null_sink_takes_everything() -> None:
    sink = NullSink()
    log = sink.access_log("/dev/null", None)
    record = ExchangeRecord(access_logs=(log,))
    log.append(record)
    sink.opened(record)
    sink.finished(record)
    assert record == ExchangeRecord(access_logs=(log,))
