"""The event loop as the data plane uses it: one read buffer, one wheel of timers, and writes gathered per turn.

A turn is one callback of the loop. What connections write during it is kept and sent when the turn ends: one system
call per connection, however many pieces were written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from sidecar.net.timers import Timer, Wheel

READ_BYTES_MAX = 64 * 1024
"""One read; also the most one connection may do before the others have their turn."""


class Flushable(Protocol):
    def flush(self) -> None: ...


class Dispatcher:
    """One per event loop. `begin`/`end` bracket a turn; outside of one, writes are sent in the loop's next pass."""

    __slots__ = ("_dirty", "_in_turn", "_scheduled", "buffer", "loop", "time", "wheel")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        # The loop's own clock is the same one, but counts whole milliseconds: too coarse for durations and spans.
        self.time = time.monotonic
        self.wheel = Wheel(loop)
        self.buffer = memoryview(bytearray(READ_BYTES_MAX))
        self._dirty: list[Flushable] = []
        self._in_turn = False
        self._scheduled = False

    def begin(self) -> None:
        self._in_turn = True

    def end(self) -> None:
        """Send what was written in this turn."""
        self._in_turn = False
        if self._dirty and not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._flush_later)

    def written(self, connection: Flushable) -> None:
        """`connection` has something to flush; called once until it has been flushed."""
        self._dirty.append(connection)
        if not self._in_turn and not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._flush_later)

    def _flush_later(self) -> None:
        self._scheduled = False
        dirty = self._dirty
        while dirty:
            dirty.pop().flush()

    def close(self) -> None:
        self.wheel.close()

    def timer(self, callback: Callable[[], None]) -> Timer:
        return Timer(self.wheel, callback)
