"""Timeouts by the thousand for the price of an attribute.

A `Timer` belongs to something long-lived (a connection) and is moved far more often than it fires. Moving it later
stores a number; the wheel looks again when the old time has come. So a timeout per request costs no heap entry, no
callback object and nothing to cancel.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

TICK_S = 0.01
"""Timers fire at most this much late. Short exact waits (fault delay, back-off) use the loop itself."""
NEVER = float("inf")


class Wheel:
    """Buckets of timers by tick, and one call of the loop for the next bucket that holds any."""

    __slots__ = ("_armed_tick", "_buckets", "_handle", "_loop", "_ticks", "time")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.time = loop.time
        self._buckets: dict[int, list[Timer]] = {}
        self._ticks: list[int] = []
        self._handle: asyncio.TimerHandle | None = None
        self._armed_tick = -1

    def add(self, timer: Timer, due_s: float) -> None:
        tick = (due_s / TICK_S).__ceil__()
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.append(timer)
            return
        self._buckets[tick] = [timer]
        heapq.heappush(self._ticks, tick)
        if self._armed_tick < 0 or tick < self._armed_tick:
            self._arm(tick)

    def _arm(self, tick: int) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._armed_tick = tick
        self._handle = self._loop.call_at(tick * TICK_S, self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._armed_tick = -1
        now = self.time()
        while self._ticks and self._ticks[0] * TICK_S <= now + TICK_S / 10:
            for timer in self._buckets.pop(heapq.heappop(self._ticks)):
                timer.wake(now)
        if self._ticks and self._armed_tick != self._ticks[0]:
            self._arm(self._ticks[0])

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._buckets.clear()
        self._ticks.clear()


class Timer:
    """Calls back once when its deadline passes without having been moved or stopped."""

    __slots__ = ("_callback", "_due_s", "_wheel", "deadline_s")

    def __init__(self, wheel: Wheel, callback: Callable[[], None]) -> None:
        self._wheel = wheel
        self._callback = callback
        self.deadline_s = NEVER
        self._due_s = NEVER
        """When the wheel will look at us; NEVER = it holds no live entry."""

    def start(self, delay_s: float) -> None:
        """(Re)start; the earlier deadline, if any, is forgotten."""
        self.start_at(self._wheel.time() + delay_s)

    def start_at(self, due_s: float) -> None:
        """(Re)start, with the time itself (`time.monotonic`, which is the loop's clock)."""
        self.deadline_s = due_s
        if due_s < self._due_s:
            self._due_s = due_s
            self._wheel.add(self, due_s)

    def stop(self) -> None:
        self.deadline_s = NEVER

    def wake(self, now: float) -> None:
        """The wheel's look: fire, wait for a later deadline, or rest. An entry overtaken by an earlier one is stale."""
        if self._due_s > now + TICK_S:
            return
        self._due_s = NEVER
        deadline = self.deadline_s
        if deadline <= now + TICK_S / 10:
            self.deadline_s = NEVER
            self._callback()
        elif deadline != NEVER:
            self._due_s = deadline
            self._wheel.add(self, deadline)
