"""A local copy of all objects of one kind, kept current by list and watch.

Handlers run synchronously in the order of the server's events; they should only put keys on queues. After a gap
(stream cut, window passed) the informer lists again and reports the difference, so handlers see every net change.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import Kind
from mesh.kube.objects import Key, Object, key_of, resource_version_of
from mesh.kube.tasks import spawn

log = logging.getLogger(__name__)

Handler = Callable[[Object | None, Object | None], None]

RETRY_DELAY_FIRST_S = 0.05
RETRY_DELAY_MAX_S = 5.0
LIST_PAGE = 500


class Informer:
    """`store` holds the latest objects, read-only for users."""

    def __init__(
        self, client: Client, kind: Kind, *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> None:
        self.kind = kind
        self.store: dict[Key, Object] = {}
        self._client = client
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._handlers: list[Handler] = []
        self._synced = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._revision = ""

    def add_handler(self, handler: Handler) -> None:
        """`handler(old, new)`: add is (None, new), update (old, new), delete (old, None).

        Objects that are known already are replayed as adds before this returns.
        """
        self._handlers.append(handler)
        for obj in list(self.store.values()):
            self._call(handler, None, obj)

    def start(self) -> None:
        if self._task is None:
            self._task = spawn(self._run(), name=f"informer-{self.kind.plural}")

    async def synced(self) -> None:
        """Return once the first list is in `store` and handlers saw it."""
        await self._synced.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        delay = RETRY_DELAY_FIRST_S
        while True:
            try:
                if not self._revision:
                    await self._list()
                    delay = RETRY_DELAY_FIRST_S
                if await self._watch():
                    delay = RETRY_DELAY_FIRST_S
                    continue
            except ApiError as failure:
                if failure.gone:
                    self._revision = ""
                    continue
                log.warning("informer %s: %s", self.kind.plural, failure)
            except asyncio.CancelledError:
                raise
            except Exception as failure:
                log.info("informer %s lost its server: %r", self.kind.plural, failure)
            # Jitter: informers that lost one server together must not come back together.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, RETRY_DELAY_MAX_S)

    async def _list(self) -> None:
        fresh: dict[Key, Object] = {}
        token = ""
        while True:
            page = await self._client.list(
                self.kind,
                self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                limit=LIST_PAGE,
                continue_token=token,
            )
            for obj in page.items:
                obj.setdefault("apiVersion", self.kind.api_version)
                obj.setdefault("kind", self.kind.kind)
                fresh[key_of(obj)] = obj
            token = page.continue_token
            if not token:
                break
        for key in [key for key in self.store if key not in fresh]:
            self._set(key, None)
        for key, obj in fresh.items():
            known = self.store.get(key)
            if known is None or resource_version_of(known) != resource_version_of(obj):
                self._set(key, obj)
        self._revision = page.resource_version
        self._synced.set()

    async def _watch(self) -> bool:
        """True when the stream brought something before it ended: then there is no need to hesitate."""
        progressed = False
        async for event in self._client.watch(
            self.kind,
            self._namespace,
            resource_version=self._revision,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
        ):
            progressed = True
            if event.type == "DELETED":
                self._set(key_of(event.object), None, last=event.object)
            elif event.type in ("ADDED", "MODIFIED"):
                self._set(key_of(event.object), event.object)
            self._revision = resource_version_of(event.object) or self._revision
        return progressed

    def _set(self, key: Key, new: Object | None, *, last: Object | None = None) -> None:
        old = self.store.pop(key, None) if new is None else self.store.get(key)
        if new is not None:
            self.store[key] = new
        elif old is None:
            return
        else:
            old = last or old
        for handler in self._handlers:
            self._call(handler, old, new)

    def _call(self, handler: Handler, old: Object | None, new: Object | None) -> None:
        try:
            handler(old, new)
        except Exception:
            log.exception("handler of informer %s failed", self.kind.plural)
