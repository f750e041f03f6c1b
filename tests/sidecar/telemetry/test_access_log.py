"""Formats give the lines Envoy and Istio give; outputs are files and pipes, with bounds."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from sidecar.telemetry import access_log as module
from sidecar.telemetry.access_log import ISTIO_DEFAULT, AccessLogFile, FormattedLog, json_formatter, text_formatter
from sidecar.telemetry.record import ExchangeRecord
from sidecar.telemetry.stats import Stats

RECORD = ExchangeRecord(
    started_at_s=1_700_000_000.0,
    duration_s=0.005,
    method=b"GET",
    path=b"/reviews/0",
    authority=b"reviews:9080",
    protocol="HTTP/1.1",
    response_code=200,
    details="via_upstream",
    bytes_sent=295,
    request_id=b"8c1b",
    upstream_host="10.244.0.5:9080",
    cluster="outbound|9080|v1|reviews.default.svc.cluster.local",
    upstream_local="10.244.0.4:40000",
    downstream_local="10.96.0.9:9080",
    downstream_remote="10.244.0.4:39000",
    route_name="default",
)


def test_istio_default() -> None:
    assert text_formatter(ISTIO_DEFAULT)(RECORD) == (
        '[2023-11-14T22:13:20.000Z] "GET /reviews/0 HTTP/1.1" 200 - via_upstream - "-" 0 295 5 - "-" "-" "8c1b" '
        '"reviews:9080" "10.244.0.5:9080" outbound|9080|v1|reviews.default.svc.cluster.local 10.244.0.4:40000 '
        "10.96.0.9:9080 10.244.0.4:39000 - default\n"
    )


def test_istio_default_tcp() -> None:
    line = text_formatter(ISTIO_DEFAULT)(ExchangeRecord(is_http=False, bytes_received=3, flags="UF"))
    assert '"- - -" 0 UF - - "-" 3 0 0 - "-" "-" "-" "-" "-" - - - - - -\n' in line


def test_json_keeps_types() -> None:
    formatter = json_formatter(
        {"code": "%RESPONSE_CODE%", "path": "%REQ(:PATH)%", "none": "%REQ(x-none)%", "in": {"mixed": "a %PROTOCOL%"}}
    )
    assert json.loads(formatter(RECORD)) == {
        "code": 200,
        "path": "/reviews/0",
        "none": None,
        "in": {"mixed": "a HTTP/1.1"},
    }


async def test_file(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    stats = Stats()
    file = AccessLogFile(str(path), stats)
    log = FormattedLog(file, text_formatter("%RESPONSE_CODE%\n"))
    for _ in range(3):
        log.append(RECORD)
    assert path.read_text() == "", "nothing is written on the hot path"
    async with asyncio.timeout(10):
        while path.read_text() != "200\n200\n200\n":
            await asyncio.sleep(0.01)
    log.append(RECORD)
    file.close()
    assert path.read_text().count("\n") == 4


async def test_lines_formatted_ahead_keep_their_order_and_wait_to_be_written(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    file = AccessLogFile(str(path), Stats())
    for number in range(2 * module.FORMATTED_AT_ONCE + 1):
        file.append(text_formatter(f"{number}\n"), RECORD)
        assert len(file._pending) < module.FORMATTED_AT_ONCE
    assert path.read_text() == ""
    file.close()
    assert path.read_text().split() == [str(number) for number in range(2 * module.FORMATTED_AT_ONCE + 1)]


async def test_a_full_pipe_neither_blocks_nor_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNWRITTEN_BYTES_MAX", 10_000)
    reader, writer = os.pipe()
    stats = Stats()
    file = AccessLogFile(f"/dev/fd/{writer}", stats)
    log = FormattedLog(file, text_formatter("%REQ(:PATH)%" + "x" * 100 + "\n"))
    for _ in range(5000):
        log.append(RECORD)
    file.flush()
    assert len(file._unwritten) <= 10_000
    dropped = stats.counter("access_log.dropped").value
    assert dropped > 3000
    received = b""
    os.close(writer)
    async with asyncio.timeout(10):
        while file._unwritten:
            received += os.read(reader, 65536)
            file.flush()
    file.close()
    while chunk := os.read(reader, 65536):
        received += chunk
    lines = received.split(b"\n")[:-1]
    whole = [line for line in lines if line == b"/reviews/0" + b"x" * 100]
    assert len(whole) + dropped >= 4998, "but for the one line torn at the cut and its neighbour"
    assert len(lines) - len(whole) <= 1, "at most the line at the cut is torn"


async def test_pending_bound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "PENDING_MAX", 2)
    stats = Stats()
    file = AccessLogFile(str(tmp_path / "log"), stats)
    for _ in range(5):
        file.append(text_formatter("x\n"), RECORD)
    file.close()
    assert (tmp_path / "log").read_text() == "x\nx\n"
    assert stats.counter("access_log.dropped").value == 3


def test_unwritable_path_is_refused() -> None:
    with pytest.raises(ValueError, match="No such file"):
        AccessLogFile("/nonexistent/log", Stats())
