"""When a peer is not talking but attacking (Envoy's flood protections; the CVE classes of 2019, 2023, 2024 and 2025).

Each method counts one thing and says whether that was too much: the connection then ends with ENHANCE_YOUR_CALM. What
we were made to reset counts like what was reset (CVE-2025-8671), or resetting would be ours to do for the attacker.
"""

from __future__ import annotations

OUTBOUND_FRAMES_MAX = 10_000
OUTBOUND_CONTROL_FRAMES_MAX = 1000
CONSECUTIVE_EMPTY_FRAMES_MAX = 1
PRIORITY_FRAMES_PER_STREAM = 100
WINDOW_UPDATES_PER_DATA_FRAME = 10
PREMATURE_RESET_STREAMS_MIN = 500
"""Envoy's overload.premature_reset_total_stream_count."""
PREMATURE_RESET_LIFETIME_S = 1.0
CONTINUATIONS_MAX = 16
"""Frames of one header block while END_HEADERS is missing; 60 KiB need four."""


class Floods:
    __slots__ = ("_control", "_data_sent", "_empty", "_premature", "_priorities", "_queued", "_updates", "streams")

    def __init__(self) -> None:
        self.streams = 0
        """Opened on this connection, ever."""
        self._control = self._queued = 0
        self._empty = 0
        self._premature = 0
        self._priorities = self._updates = 0
        self._data_sent = 0

    def sent(self, *, control: bool, queue_empty: bool) -> bool:
        """A frame goes out; `queue_empty`: the peer has taken all that went before."""
        if queue_empty:
            self._queued = self._control = 0
        self._queued += 1
        self._control += control
        return self._control > OUTBOUND_CONTROL_FRAMES_MAX or self._queued > OUTBOUND_FRAMES_MAX

    def data_sent(self) -> None:
        self._data_sent += 1

    def received(self, *, empty: bool) -> bool:
        """DATA, HEADERS or CONTINUATION; `empty`: no payload and no END_STREAM (CVE-2019-9518)."""
        self._empty = self._empty + 1 if empty else 0
        return self._empty > CONSECUTIVE_EMPTY_FRAMES_MAX

    def priority(self) -> bool:
        self._priorities += 1
        return self._priorities > PRIORITY_FRAMES_PER_STREAM * (1 + self.streams)

    def window_update(self) -> bool:
        self._updates += 1
        return self._updates > 5 + 2 * (self.streams + WINDOW_UPDATES_PER_DATA_FRAME * self._data_sent)

    def reset(self, lifetime_s: float) -> bool:
        """A stream was reset, by either side, `lifetime_s` after it began (CVE-2023-44487)."""
        if lifetime_s < PREMATURE_RESET_LIFETIME_S:
            self._premature += 1
        return self.streams >= PREMATURE_RESET_STREAMS_MIN and self._premature * 2 > self.streams
