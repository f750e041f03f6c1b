"""The HTTP/2 codec's counters."""

from __future__ import annotations

from sidecar.exchange.http2_stats import Http2Stats
from sidecar.telemetry.stats import Stats


def test_failures_are_counted_by_their_reason() -> None:
    stats = Stats()
    one = Http2Stats(stats, "http2.")
    one.failed(b"outbound_flood")
    one.failed(b"something else")
    assert stats.counter("http2.outbound_flood").value == 1
    assert stats.counter("http2.goaway_sent").value == 2
