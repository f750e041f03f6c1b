"""When to compile: after a short quiet period, but never later than a bound after the first change. Pure."""

from __future__ import annotations

QUIET_S = 0.02
"""Istio waits 100 ms; on one machine the API server is in the next process, so a burst is over sooner."""
WAIT_MAX_S = 1.0


class Debounce:
    def __init__(self, *, quiet_s: float = QUIET_S, wait_max_s: float = WAIT_MAX_S) -> None:
        self._quiet_s = quiet_s
        self._wait_max_s = wait_max_s
        self._first: float | None = None
        self._last = 0.0

    def changed(self, now: float) -> None:
        if self._first is None:
            self._first = now
        self._last = now

    def due(self) -> float | None:
        """The moment to act, None = nothing changed."""
        if self._first is None:
            return None
        return min(self._last + self._quiet_s, self._first + self._wait_max_s)

    def done(self) -> None:
        """The changes so far are being acted on."""
        self._first = None
