"""The wheel against a clock that jumps."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import pytest

from sidecar.net.timers import NEVER, TICK_S, Timer, Wheel


class Clock:
    """The two things a wheel asks of a loop."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Any) -> Any:
        entry = (when, callback)
        self.calls.append(entry)
        calls = self.calls

        class Handle:
            def cancel(self) -> None:
                if entry in calls:
                    calls.remove(entry)

        return Handle()

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [one for one in self.calls if one[0] <= end]:
            entry = min(due, key=lambda one: one[0])
            self.calls.remove(entry)
            self.now = max(self.now, entry[0])
            entry[1]()
        self.now = end


def made() -> tuple[Clock, Timer, list[float]]:
    clock, fired = Clock(), list[float]()
    wheel = Wheel(clock)  # type: ignore[arg-type]
    return clock, Timer(wheel, lambda: fired.append(clock.now)), fired


def test_fires_once_within_a_tick() -> None:
    clock, timer, fired = made()
    timer.start(1.0)
    clock.advance(0.9)
    assert fired == []
    clock.advance(5)
    assert len(fired) == 1
    assert 101 <= fired[0] <= 101 + 2 * TICK_S
    assert timer.deadline_s == NEVER


def test_moving_later_costs_no_entry() -> None:
    clock, timer, fired = made()
    for _ in range(1000):
        timer.start(1.0)
        clock.advance(0.001)
    assert len(clock.calls) == 1
    clock.advance(0.9)
    assert fired == []
    clock.advance(0.2)
    assert len(fired) == 1


def test_moving_earlier_fires_earlier_and_only_once() -> None:
    clock, timer, fired = made()
    timer.start(10)
    timer.start(1)
    clock.advance(2)
    assert len(fired) == 1
    clock.advance(20)
    assert len(fired) == 1


def test_stopped_timers_rest_and_start_again() -> None:
    clock, timer, fired = made()
    timer.start(1)
    timer.stop()
    clock.advance(5)
    assert fired == []
    timer.start(1)
    clock.advance(2)
    assert len(fired) == 1


def test_many_timers_fire_in_order() -> None:
    clock, order = Clock(), list[int]()
    wheel = Wheel(clock)  # type: ignore[arg-type]
    for number in (3, 1, 2):
        Timer(wheel, lambda number=number: order.append(number)).start(number)  # type: ignore[misc]
    clock.advance(4)
    assert order == [1, 2, 3]


def test_one_that_fires_may_stop_or_move_another_of_its_bucket() -> None:
    clock, fired = Clock(), list[str]()
    wheel = Wheel(clock)  # type: ignore[arg-type]
    timers = {name: Timer(wheel, lambda name=name: fire(name)) for name in "abc"}  # type: ignore[misc]

    def fire(name: str) -> None:
        fired.append(name)
        for other in set("abc") - {name}:
            timers[other].stop()

    for timer in timers.values():
        timer.start(1)
    clock.advance(2)
    assert len(fired) == 1
    clock.advance(10)
    assert len(fired) == 1


def test_the_wheel_keeps_nothing_that_is_over() -> None:
    """Connections come and go by the thousand within one idle timeout."""
    clock = Clock()
    wheel = Wheel(clock)  # type: ignore[arg-type]
    gone = []
    for _ in range(500):
        timer = Timer(wheel, lambda: None)
        timer.start(3600)
        timer.start(15)
        timer.start(3600)
        timer.stop()
        gone.append(weakref.ref(timer._callback))
        clock.advance(0.5)
    del timer
    assert all(one() is None for one in gone)
    assert len(wheel._buckets) <= 250 / 4 + 15 / 0.25 + 2


@pytest.mark.parametrize(("delay_s", "late_s"), [(1.0, TICK_S), (15.0, 0.25), (3600.0, 4.0)])
def test_how_late(delay_s: float, late_s: float) -> None:
    clock, timer, fired = made()
    clock.now += 0.123
    began = clock.now
    timer.start(delay_s)
    clock.advance(2 * delay_s)
    assert delay_s <= fired[0] - began <= delay_s + late_s + TICK_S


async def test_on_a_real_loop() -> None:
    fired = asyncio.Event()
    wheel = Wheel(asyncio.get_running_loop())
    Timer(wheel, fired.set).start(0.02)
    await asyncio.wait_for(fired.wait(), 5)
    wheel.close()
