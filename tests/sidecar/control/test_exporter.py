"""Spans reach the real control plane; what it does not take is dropped and counted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sidecar.control import exporter as module
from sidecar.control.discovery import Discovery
from sidecar.control.exporter import SpanExporter
from sidecar.telemetry.record import ExchangeRecord, Peer
from sidecar.telemetry.sink import Telemetry
from sidecar.telemetry.spans import SpanSource
from sidecar.telemetry.stats import Stats

TRACE = "0af7651916cd43dd8448eb211c80319c"


def finished(telemetry: Telemetry, count: int = 1) -> None:
    for index in range(count):
        telemetry.finished(
            ExchangeRecord(
                trace_id=TRACE, span_id=f"{index + 1:016x}", trace_sampled=True, response_code=200, started_at_s=1.0
            )
        )


@pytest.mark.integration
async def test_to_the_control_plane(cluster: Any) -> None:
    proxy = await cluster.proxy(await cluster.pod("web"))
    await proxy.identify()
    telemetry = Telemetry(Stats(), Peer())
    finished(telemetry, 3)
    running = asyncio.create_task(SpanExporter(proxy.discovery, telemetry, SpanSource(proxy.node_id, Peer())).run())

    async def traces() -> Any:
        status, body = await cluster.ask("traces?limit=5")
        assert status == 200
        return body

    async with asyncio.timeout(15):
        while TRACE not in str(await traces()):
            await asyncio.sleep(0.05)
    running.cancel()
    assert telemetry.stats.counter("tracing.opentelemetry.spans_sent").value == 3


async def test_nobody_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_PAUSE_S", 0.001)
    monkeypatch.setattr(module, "INTERVAL_S", 0.001)
    telemetry = Telemetry(Stats(), Peer())
    finished(telemetry, 2)
    exporter = SpanExporter(Discovery("127.0.0.1:1", tmp_path / "none"), telemetry, SpanSource("", Peer()))
    running = asyncio.create_task(exporter.run())
    dropped = telemetry.stats.counter("tracing.opentelemetry.spans_dropped")
    async with asyncio.timeout(10):
        while dropped.value < 2:
            await asyncio.sleep(0.005)
    running.cancel()
    finished(telemetry)
    await exporter.finish()
    assert dropped.value == 3
