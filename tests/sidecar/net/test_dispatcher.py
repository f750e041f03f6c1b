"""Turns: what is written inside one is sent at its end, outside of one in the loop's next pass."""

from __future__ import annotations

import asyncio

from sidecar.net.dispatcher import Dispatcher


class Sink:
    def __init__(self) -> None:
        self.flushed = 0

    def flush(self) -> None:
        self.flushed += 1


async def test_turns() -> None:
    dispatcher, sink = Dispatcher(asyncio.get_running_loop()), Sink()
    dispatcher.begin()
    dispatcher.written(sink)
    assert sink.flushed == 0
    dispatcher.end()
    assert sink.flushed == 1
    dispatcher.written(sink)
    assert sink.flushed == 1
    await asyncio.sleep(0)
    assert sink.flushed == 2
    fired = asyncio.Event()
    dispatcher.timer(fired.set).start(0.01)
    await asyncio.wait_for(fired.wait(), 5)
    dispatcher.close()
