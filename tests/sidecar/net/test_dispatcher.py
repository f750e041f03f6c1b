"""What is written in one pass of the loop is sent at its end, in one call."""

from __future__ import annotations

import asyncio

from sidecar.net.dispatcher import Dispatcher


class Sink:
    def __init__(self, dispatcher: Dispatcher, again: int = 0) -> None:
        self.flushed = 0
        self._dispatcher = dispatcher
        self._again = again

    def flush(self) -> None:
        self.flushed += 1
        if self._again:
            self._again -= 1
            self._dispatcher.written(self)


async def test_flushed_at_the_end_of_the_pass() -> None:
    dispatcher = Dispatcher(asyncio.get_running_loop())
    first, second = Sink(dispatcher), Sink(dispatcher, again=2)
    dispatcher.written(first)
    dispatcher.written(second)
    assert (first.flushed, second.flushed) == (0, 0)
    await asyncio.sleep(0)
    assert (first.flushed, second.flushed) == (1, 3)
    dispatcher.written(first)
    await asyncio.sleep(0)
    assert first.flushed == 2
    dispatcher.close()


async def test_a_timer_fires() -> None:
    dispatcher, fired = Dispatcher(asyncio.get_running_loop()), asyncio.Event()
    dispatcher.timer(fired.set).start(0.01)
    await asyncio.wait_for(fired.wait(), 5)
    dispatcher.close()
