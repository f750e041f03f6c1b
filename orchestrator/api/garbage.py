"""Garbage: dependents whose owners are gone, owners that wait for their dependents, namespaces being emptied.

The graph of owners is kept from the store's changes; work is done from a queue, and every step can be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mesh.kube.errors import ApiError
from mesh.kube.kinds import NAMESPACE, Kind, KindRegistry
from mesh.kube.objects import Object
from mesh.kube.tasks import spawn
from mesh.kube.workqueue import WorkQueue, run_workers
from orchestrator.api.call import INTERNAL, Call, DeleteOptions, resource_of
from orchestrator.api.deletion import FOREGROUND, ORPHAN, Deletion
from orchestrator.api.resources import NAMESPACES, Resources
from orchestrator.store.base import Change, Store, StoreKey

WORKERS = 2
_MARKS = (b'"ownerReferences"', b'"deletionTimestamp"')


class GarbageCollector:
    """Also ends namespaces: everything in them is deleted first."""

    def __init__(self, store: Store, registry: KindRegistry, resources: Resources, deletion: Deletion) -> None:
        self._store = store
        self._resources = resources
        self._deletion = deletion
        self._kinds: dict[str, Kind] = {}
        for kind in registry:
            if "list" in kind.verbs:
                self._kinds.setdefault(resource_of(kind), kind)
        self._uids: dict[str, StoreKey] = {}
        self._dependents: dict[str, set[StoreKey]] = {}
        self._owners: dict[StoreKey, list[dict[str, Any]]] = {}
        self._uid_of: dict[StoreKey, str] = {}
        self._by_namespace: dict[str, set[StoreKey]] = {}
        self._queue: WorkQueue[StoreKey] = WorkQueue()
        self._unsubscribe: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._unsubscribe = self._store.subscribe(self._changed)
        for resource in self._kinds:
            for record in (await self._store.scan(resource)).records:
                self._learn(Change("ADDED", record, None))
        for key in list(self._owners):
            self._queue.add(key)
        for key in [key for key in self._uid_of if key.resource == NAMESPACES]:
            self._queue.add(key)
        self._task = spawn(run_workers(self._queue, self._work, workers=WORKERS, name="garbage"), name="garbage")

    async def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._queue.close()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _changed(self, change: Change) -> None:
        if change.record.key.resource not in self._kinds:
            return
        # Most writes have nothing to do with ownership; the bytes say so without decoding.
        known = change.record.key in self._uid_of
        if change.type == "MODIFIED" and known and not any(mark in change.record.value for mark in _MARKS):
            if change.record.key in self._owners:
                self._learn(change)
            return
        self._learn(change)

    def _learn(self, change: Change) -> None:
        key, obj = change.record.key, change.record.object()
        meta = obj["metadata"]
        self._forget_owners(key)
        if change.type == "DELETED":
            self._forget(key)
            return
        uid = meta.get("uid") or ""
        self._uids[uid] = key
        self._uid_of[key] = uid
        if key.namespace:
            self._by_namespace.setdefault(key.namespace, set()).add(key)
        if owners := meta.get("ownerReferences"):
            self._owners[key] = owners
            for owner in owners:
                self._dependents.setdefault(owner.get("uid") or "", set()).add(key)
            self._queue.add(key)
        if meta.get("deletionTimestamp"):
            self._queue.add(key)
            for owner in owners or ():
                if holder := self._uids.get(owner.get("uid") or ""):
                    self._queue.add(holder)

    def _forget_owners(self, key: StoreKey) -> None:
        for owner in self._owners.pop(key, ()):
            uid = owner.get("uid") or ""
            if (found := self._dependents.get(uid)) is not None:
                found.discard(key)
                if not found:
                    del self._dependents[uid]
                # An owner deleted in the foreground waits for this one.
                if holder := self._uids.get(uid):
                    self._queue.add(holder)

    def _forget(self, key: StoreKey) -> None:
        uid = self._uid_of.pop(key, "")
        self._uids.pop(uid, None)
        for dependent in self._dependents.get(uid, ()):
            self._queue.add(dependent)
        if key.namespace and (found := self._by_namespace.get(key.namespace)) is not None:
            found.discard(key)
            if not found:
                del self._by_namespace[key.namespace]
            self._queue.add(StoreKey(NAMESPACES, "", key.namespace))

    async def _work(self, key: StoreKey) -> None:
        record = await self._store.get(key)
        if record is None:
            return
        obj = record.object()
        meta = obj["metadata"]
        if meta.get("deletionTimestamp"):
            finalizers = meta.get("finalizers") or []
            if ORPHAN in finalizers:
                await self._orphan(key, meta["uid"])
            elif FOREGROUND in finalizers:
                await self._foreground(key, meta["uid"])
            if key.resource == NAMESPACES:
                await self._empty(key)
        elif owners := meta.get("ownerReferences"):
            await self._collect(key, meta, owners)

    async def _collect(self, key: StoreKey, meta: dict[str, Any], owners: list[dict[str, Any]]) -> None:
        """Delete an object when none of its owners exists any more; an owner in another namespace does not count."""
        if any(self._exists(key, owner) for owner in owners):
            return
        await self._delete(key, meta["uid"])

    def _exists(self, dependent: StoreKey, owner: dict[str, Any]) -> bool:
        holder = self._uids.get(owner.get("uid") or "")
        return holder is not None and holder.namespace in ("", dependent.namespace)

    async def _foreground(self, key: StoreKey, uid: str) -> None:
        blocking = [d for d in self._dependents.get(uid, ()) if self._blocks(d, uid)]
        for dependent in list(self._dependents.get(uid, ())):
            await self._delete(dependent, self._uid_of.get(dependent, ""), policy="Foreground")
        if not blocking:
            await self._remove_finalizer(key, FOREGROUND)

    def _blocks(self, dependent: StoreKey, uid: str) -> bool:
        return any(o.get("uid") == uid and o.get("blockOwnerDeletion") for o in self._owners.get(dependent, ()))

    async def _orphan(self, key: StoreKey, uid: str) -> None:
        for dependent in list(self._dependents.get(uid, ())):

            def release(old: Object) -> Object:
                owners = [o for o in old["metadata"].get("ownerReferences") or [] if o.get("uid") != uid]
                old["metadata"]["ownerReferences"] = owners
                return old

            await self._modify(dependent, release)
        await self._remove_finalizer(key, ORPHAN)

    async def _remove_finalizer(self, key: StoreKey, finalizer: str) -> None:
        def without(old: Object) -> Object:
            old["metadata"]["finalizers"] = [f for f in old["metadata"].get("finalizers") or [] if f != finalizer]
            return old

        await self._modify(key, without)

    async def _empty(self, key: StoreKey) -> None:
        """Delete everything in a namespace, then let it go."""
        inside = list(self._by_namespace.get(key.name, ()))
        for dependent in inside:
            await self._delete(dependent, self._uid_of.get(dependent, ""))
        if self._by_namespace.get(key.name):
            return

        def release(old: Object) -> Object:
            finalizers = (old.get("spec") or {}).get("finalizers") or []
            old["spec"] = {"finalizers": [name for name in finalizers if name != "kubernetes"]}
            return old

        await self._modify(key, release, kind=NAMESPACE, subresource="finalize")

    async def _modify(
        self, key: StoreKey, transform: Callable[[Object], Object], *, kind: Kind | None = None, subresource: str = ""
    ) -> None:
        call = Call(INTERNAL, kind or self._kinds[key.resource], key.namespace, key.name, subresource)
        try:
            await self._resources.modify(call, transform)
        except ApiError as problem:
            if not problem.not_found:
                raise

    async def _delete(self, key: StoreKey, uid: str, *, policy: str = "Background") -> None:
        call = Call(INTERNAL, self._kinds[key.resource], key.namespace, key.name)
        try:
            await self._deletion.delete(call, DeleteOptions(None, policy, uid))
        except ApiError as problem:
            if not problem.not_found and problem.code != 409:
                raise
