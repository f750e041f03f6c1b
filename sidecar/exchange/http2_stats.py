"""Counters of the HTTP/2 codec, named as Envoy names them, below `http2.` or `cluster.<name>.http2.`."""

from __future__ import annotations

from sidecar.telemetry.stats import Stats

_FAILURES = (
    "header_overflow", "inbound_empty_frames_flood", "inbound_priority_frames_flood",
    "inbound_window_update_frames_flood", "outbound_control_flood", "outbound_flood",
)  # fmt: skip


class Http2Stats:
    __slots__ = ("_failures", "goaway_sent", "rx_messaging_error", "rx_reset", "streams_active", "trailers", "tx_reset")

    def __init__(self, stats: Stats, prefix: str) -> None:
        self.rx_reset = stats.counter(prefix + "rx_reset")
        self.tx_reset = stats.counter(prefix + "tx_reset")
        self.rx_messaging_error = stats.counter(prefix + "rx_messaging_error")
        self.trailers = stats.counter(prefix + "trailers")
        self.goaway_sent = stats.counter(prefix + "goaway_sent")
        self.streams_active = stats.gauge(prefix + "streams_active")
        self._failures = {name.encode(): stats.counter(prefix + name) for name in _FAILURES}

    def failed(self, reason: bytes) -> None:
        """A connection ended with an error of ours."""
        self.goaway_sent.value += 1
        counter = self._failures.get(reason)
        if counter is not None:
            counter.value += 1
