"""The event loop as the data plane uses it: one read buffer, one wheel of timers, and writes gathered per pass.

What connections write while the loop works off its ready sockets is sent when it is through with them: one system call
per connection, however many pieces were written, and all of them in a row. A peer on another core that sleeps is then
woken by the first and busy for the rest; writing in between would wake it each time, which costs more than the write.
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
    """One per event loop."""

    __slots__ = ("_dirty", "_scheduled", "buffer", "loop", "time", "wheel")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        # The loop's own clock is the same one, but counts whole milliseconds: too coarse for durations and spans.
        self.time = time.monotonic
        self.wheel = Wheel(loop)
        self.buffer = memoryview(bytearray(READ_BYTES_MAX))
        self._dirty: list[Flushable] = []
        self._scheduled = False

    def written(self, connection: Flushable) -> None:
        """`connection` has something to flush; called once until it has been flushed."""
        self._dirty.append(connection)
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Send what was written in this pass. What comes meanwhile (a handler that goes on) is sent with it."""
        dirty = self._dirty
        try:
            while dirty:
                dirty.pop().flush()
        finally:
            self._scheduled = bool(dirty)
            if dirty:  # one failed beyond its own handling; the others must not wait for ever
                self.loop.call_soon(self._flush)

    def close(self) -> None:
        self.wheel.close()

    def timer(self, callback: Callable[[], None]) -> Timer:
        return Timer(self.wheel, callback)
