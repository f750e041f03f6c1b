"""The work queue: one worker a key, nothing lost, failures come back."""

from __future__ import annotations

import asyncio

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.workqueue import QueueClosed, WorkQueue, run_workers


async def test_a_key_waits_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for _ in range(3):
        queue.add("a")
    assert len(queue) == 1
    assert await queue.get() == "a"
    assert len(queue) == 0


async def test_a_key_added_while_worked_on_runs_again() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"


async def test_the_earliest_delay_wins() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 60)
    queue.add_after("a", 0.01)
    queue.add_after("a", 60)
    assert await asyncio.wait_for(queue.get(), 2) == "a"


async def test_closing_ends_waiting_workers() -> None:
    queue: WorkQueue[str] = WorkQueue()
    waiting = asyncio.gather(queue.get(), queue.get(), return_exceptions=True)
    await asyncio.sleep(0)
    queue.close()
    assert [type(result) for result in await waiting] == [QueueClosed, QueueClosed]


async def test_a_cancelled_worker_loses_no_wake_up() -> None:
    queue: WorkQueue[str] = WorkQueue()
    first, second = asyncio.ensure_future(queue.get()), asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    assert await asyncio.wait_for(second, 2) == "a"


@pytest.mark.parametrize("failure", [RuntimeError("no"), ApiError(409, "Conflict", "old")])
async def test_failures_come_back(failure: Exception) -> None:
    queue: WorkQueue[str] = WorkQueue()
    seen: list[str] = []
    running = 0

    async def reconcile(key: str) -> None:
        nonlocal running
        running += 1
        assert running == 1, "a key is worked on by one worker at a time"
        await asyncio.sleep(0)
        running -= 1
        seen.append(key)
        if len(seen) < 3:
            raise failure
        queue.close()

    queue.add("a")
    await asyncio.wait_for(run_workers(queue, reconcile, workers=3, name="test"), 5)
    assert seen == ["a"] * 3
