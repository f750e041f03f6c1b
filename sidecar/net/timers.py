"""Timeouts by the thousand for the price of an attribute.

A `Timer` belongs to something long-lived (a connection) and is moved far more often than it fires. Moving it later
stores a number; the wheel looks again when the old time has come. So a timeout per request costs no heap entry, no
callback object and nothing to cancel. A timer is in one bucket at most and leaves it when stopped: the wheel keeps
nothing alive that is over.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

TICK_S = 0.01
"""Timers fire at most this much late. Short exact waits (fault delay, back-off) use the loop itself."""
COARSE = ((60.0, 4.0), (5.0, 0.25))
"""(further away than, late by at most), seconds: an idle timeout of an hour needs no exact end, and there are never
more than about a thousand buckets, whatever the number of timers."""
NEVER = float("inf")


class Wheel:
    """Buckets of timers by tick, and one call of the loop for the next bucket."""

    __slots__ = ("_armed_tick", "_buckets", "_handle", "_loop", "_ticks", "time")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.time = loop.time
        self._buckets: dict[int, set[Timer]] = {}
        self._ticks: list[int] = []
        self._handle: asyncio.TimerHandle | None = None
        self._armed_tick = -1

    def add(self, due_s: float) -> set[Timer]:
        """The bucket that is looked at when `due_s` has come."""
        ahead = due_s - self.time()
        late_s = next((late_s for far_s, late_s in COARSE if ahead > far_s), TICK_S)
        tick = (due_s / late_s).__ceil__() * (late_s / TICK_S).__round__()
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = set()
            heapq.heappush(self._ticks, tick)
            if self._armed_tick < 0 or tick < self._armed_tick:
                self._arm(tick)
        return bucket

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
            bucket = self._buckets.pop(heapq.heappop(self._ticks))
            for timer in list(bucket):
                if timer in bucket:  # not stopped or moved by one that fired before it
                    bucket.discard(timer)
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

    __slots__ = ("_bucket", "_callback", "_due_s", "_wheel", "deadline_s")

    def __init__(self, wheel: Wheel, callback: Callable[[], None]) -> None:
        self._wheel = wheel
        self._callback = callback
        self.deadline_s = NEVER
        self._due_s = NEVER
        """When the wheel will look at us; NEVER = we are in no bucket."""
        self._bucket: set[Timer] | None = None

    def start(self, delay_s: float) -> None:
        """(Re)start; the earlier deadline, if any, is forgotten."""
        self.start_at(self._wheel.time() + delay_s)

    def start_at(self, due_s: float) -> None:
        """(Re)start, with the time itself (`time.monotonic`, which is the loop's clock)."""
        self.deadline_s = due_s
        if due_s < self._due_s:
            self._move(due_s)

    def stop(self) -> None:
        self.deadline_s = NEVER
        if self._bucket is not None:
            self._bucket.discard(self)
            self._bucket = None
            self._due_s = NEVER

    def _move(self, due_s: float) -> None:
        if self._bucket is not None:
            self._bucket.discard(self)
        self._due_s = due_s
        self._bucket = bucket = self._wheel.add(due_s)
        bucket.add(self)

    def wake(self, now: float) -> None:
        """The wheel's look: fire, wait for a later deadline, or rest."""
        self._due_s = NEVER
        self._bucket = None
        deadline = self.deadline_s
        if deadline <= now + TICK_S / 10:
            self.deadline_s = NEVER
            self._callback()
        elif deadline != NEVER:
            self._move(deadline)
