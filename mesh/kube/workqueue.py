"""The work queue of controllers: keys, not events; each key is worked on by one worker at a time.

A key added while it is being worked on runs once more afterwards. Failures come back with an exponential
delay until `forget`. Behaviour of client-go's workqueue.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from mesh.kube.errors import ApiError
from mesh.kube.tasks import spawn

log = logging.getLogger(__name__)

K = TypeVar("K")

RETRY_DELAY_FIRST_S = 0.005
RETRY_DELAY_MAX_S = 30.0
RETRY_DOUBLINGS_MAX = 20


class QueueClosed(Exception):
    """`get` on a closed queue: the worker ends."""


class WorkQueue(Generic[K]):
    def __init__(self) -> None:
        self._order: deque[K] = deque()
        self._dirty: set[K] = set()
        self._working: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._order)

    def add(self, key: K) -> None:
        """Ask for `key` to be worked on; free when it is queued already."""
        if self._closed or key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._working:
            self._order.append(key)
            self._wake()

    def add_after(self, key: K, seconds: float) -> None:
        """Add later; of several delays for one key the earliest wins."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if (timer := self._timers.get(key)) is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._due, key)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def add_rate_limited(self, key: K) -> None:
        """Add after a delay that doubles with each failure of this key since the last `forget`."""
        failures = self._failures.get(key, 0)
        self._failures[key] = min(failures + 1, RETRY_DOUBLINGS_MAX)
        self.add_after(key, min(RETRY_DELAY_FIRST_S * 2.0**failures, RETRY_DELAY_MAX_S))

    def forget(self, key: K) -> None:
        self._failures.pop(key, None)

    async def get(self) -> K:
        """The next key; `done(key)` must follow. `QueueClosed` once the queue is closed."""
        while not self._order:
            if self._closed:
                raise QueueClosed
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                # The wake-up this worker got is somebody else's now.
                if waiter.done() and not waiter.cancelled() and self._order:
                    self._wake()
                raise
        key = self._order.popleft()
        self._dirty.discard(key)
        self._working.add(key)
        return key

    def done(self, key: K) -> None:
        self._working.discard(key)
        if key in self._dirty:
            self._order.append(key)
            self._wake()

    def close(self) -> None:
        """Workers end after the key they hold; keys still queued are dropped, the next start finds them again."""
        self._closed = True
        self._order.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        while self._waiting:
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


async def run_workers(
    queue: WorkQueue[K], reconcile: Callable[[K], Awaitable[None]], *, workers: int, name: str
) -> None:
    """Work on the queue until it is closed; a failing key is logged and comes back later."""
    tasks = [spawn(_work(queue, reconcile, name=name), name=f"{name}-{number}") for number in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _work(queue: WorkQueue[K], reconcile: Callable[[K], Awaitable[None]], *, name: str) -> None:
    while True:
        try:
            key = await queue.get()
        except QueueClosed:
            return
        try:
            await reconcile(key)
        except ApiError as failure:
            # A conflict only says that our copy was old: the retry reads the new one.
            log.log(logging.DEBUG if failure.conflict else logging.WARNING, "%s %s: %s", name, key, failure)
            queue.add_rate_limited(key)
        except Exception:
            log.exception("%s failed on %s", name, key)
            queue.add_rate_limited(key)
        else:
            queue.forget(key)
        finally:
            queue.done(key)
