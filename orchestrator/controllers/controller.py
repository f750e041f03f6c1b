"""The shell that every controller shares: informers put keys on a queue, workers reconcile one key at a time."""

from __future__ import annotations

import asyncio

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.informer import Informer
from mesh.kube.kinds import Kind
from mesh.kube.objects import Key
from mesh.kube.tasks import spawn
from mesh.kube.workqueue import WorkQueue, run_workers

WORKERS = 4


class Informers:
    """One informer a kind, shared by all controllers of a process."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._by_kind: dict[Kind, Informer] = {}

    def of(self, kind: Kind) -> Informer:
        informer = self._by_kind.get(kind)
        if informer is None:
            informer = self._by_kind[kind] = Informer(self.client, kind)
        return informer

    def start(self) -> None:
        for informer in self._by_kind.values():
            informer.start()

    async def synced(self) -> None:
        await asyncio.gather(*(informer.synced() for informer in self._by_kind.values()))

    async def stop(self) -> None:
        await asyncio.gather(*(informer.stop() for informer in self._by_kind.values()))


class Controller:
    """Subclasses name themselves, put keys on `queue` from informer handlers, and reconcile."""

    name = "controller"

    def __init__(self, informers: Informers) -> None:
        self.client = informers.client
        self.informers = informers
        self.queue: WorkQueue[Key] = WorkQueue()
        self._task: asyncio.Task[None] | None = None

    async def reconcile(self, key: Key) -> None:
        raise NotImplementedError

    def start(self) -> None:
        self._task = spawn(
            run_workers(self.queue, self._reconcile, workers=WORKERS, name=self.name), name=f"controller-{self.name}"
        )

    async def stop(self) -> None:
        self.queue.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _reconcile(self, key: Key) -> None:
        try:
            await self.reconcile(key)
        except ApiError as failure:
            # Somebody else was faster: what they wrote comes back as an event, so this is no failure to log.
            if failure.conflict or failure.not_found or failure.already_exists:
                self.queue.add_rate_limited(key)
                return
            raise
        self.queue.forget(key)
