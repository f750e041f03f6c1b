"""Sends finished spans to the control plane: batches by size or time, one retry, then they are dropped and counted."""

from __future__ import annotations

import asyncio
import logging

from sidecar.control.discovery import Discovery, DiscoveryError
from sidecar.telemetry.sink import Telemetry
from sidecar.telemetry.spans import SpanSource, batch

log = logging.getLogger(__name__)

PATH = "/v1/traces"
BATCH_SPANS = 512
INTERVAL_S = 0.5
ATTEMPTS = 2
RETRY_PAUSE_S = 1.0
LAST_TIMEOUT_S = 1.0


class SpanExporter:
    def __init__(self, discovery: Discovery, telemetry: Telemetry, source: SpanSource) -> None:
        self._discovery = discovery
        self._telemetry = telemetry
        self._source = source

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            while self._telemetry.spans:
                await self._send(ATTEMPTS)

    async def finish(self) -> None:
        """What is left, within a bound: the proxy is leaving."""
        try:
            async with asyncio.timeout(LAST_TIMEOUT_S):
                while self._telemetry.spans:
                    await self._send(1)
        except TimeoutError:
            pass

    async def _send(self, attempts: int) -> None:
        records = self._telemetry.take_spans(BATCH_SPANS)
        body = batch(records, self._source)
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(RETRY_PAUSE_S)
            try:
                reply = await self._discovery.post(PATH, body)
            except DiscoveryError as error:
                reason = str(error)
                continue
            if reply.status == 200:
                return
            reason = reply.describe()
            if reply.status < 500:
                break
        self._telemetry.lost_spans(len(records))
        log.warning("%d spans lost: %s", len(records), reason)
