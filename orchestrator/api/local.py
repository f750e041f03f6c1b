"""`Client` inside the API server's process: the same verbs and admission, no sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from mesh.kube.client import ObjectList, PatchType, WatchEvent
from mesh.kube.kinds import Kind
from mesh.kube.objects import Object, name_of, namespace_of
from orchestrator.api.call import INTERNAL, Call, DeleteOptions, User
from orchestrator.api.deletion import Deletion
from orchestrator.api.errors import not_implemented
from orchestrator.api.reads import ListOptions, Reads
from orchestrator.api.resources import Resources
from orchestrator.api.subresources import Subresources
from orchestrator.api.watch import BOOKMARK_INTERVAL_S, ObjectForm, bookmark_object


class LocalClient:
    """Implements `mesh.kube.client.Client`. Objects that go in and come out are copies."""

    def __init__(
        self, resources: Resources, reads: Reads, deletion: Deletion, subresources: Subresources, user: User = INTERNAL
    ) -> None:
        self._resources = resources
        self._reads = reads
        self._deletion = deletion
        self._subresources = subresources
        self._user = user

    def _call(self, kind: Kind, namespace: str, name: str = "", *, subresource: str = "") -> Call:
        return Call(self._user, kind, namespace if kind.namespaced else "", name, subresource)

    async def get(self, kind: Kind, name: str, namespace: str = "", *, subresource: str = "") -> Object:
        call = self._call(kind, namespace, name, subresource=subresource)
        return await self._subresources.get(call) if subresource else await self._resources.get(call)

    async def list(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
    ) -> ObjectList:
        options = ListOptions(label_selector, field_selector, limit, continue_token)
        listed = await self._reads.list(self._call(kind, namespace), options)
        items = [self._resources.object(kind, record) for record in listed.records]
        return ObjectList(items, str(listed.revision), listed.continue_token)

    async def create(
        self,
        kind: Kind,
        obj: Object,
        namespace: str = "",
        *,
        name: str = "",
        subresource: str = "",
        field_validation: str = "",
        dry_run: bool = False,
    ) -> Object:
        call = self._call(kind, namespace or namespace_of(obj), name, subresource=subresource)
        call.field_validation = field_validation  # type: ignore[assignment]
        call.dry_run = dry_run
        if subresource or kind.verbs == ("create",):
            return await self._subresources.create(call, _copy(obj))
        return await self._resources.create(call, _copy(obj))

    async def update(self, kind: Kind, obj: Object, *, subresource: str = "") -> Object:
        call = self._call(kind, namespace_of(obj), name_of(obj), subresource=subresource)
        if subresource:
            return await self._subresources.update(call, _copy(obj))
        return await self._resources.update(call, _copy(obj))

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: Any,
        namespace: str = "",
        *,
        patch_type: PatchType = "merge",
        subresource: str = "",
        field_manager: str = "",
        field_validation: str = "",
        dry_run: bool = False,
    ) -> Object:
        call = self._call(kind, namespace, name, subresource=subresource)
        call.field_manager, call.dry_run = field_manager, dry_run
        call.field_validation = field_validation  # type: ignore[assignment]
        if subresource:
            return await self._subresources.patch(call, patch_type, _copy(patch))
        return await self._resources.patch(call, patch_type, _copy(patch))

    async def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str = "",
        *,
        grace_period_s: int | None = None,
        propagation_policy: str = "",
        uid: str = "",
    ) -> Object:
        options = DeleteOptions(grace_period_s, propagation_policy, uid)
        return await self._deletion.delete(self._call(kind, namespace, name), options)

    async def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
    ) -> AsyncIterator[WatchEvent]:
        options = ListOptions(label_selector, field_selector, resource_version=resource_version)
        watcher, _ = await self._reads.watch(self._call(kind, namespace), options, ObjectForm())
        try:
            while True:
                batch = await watcher.get_batch(BOOKMARK_INTERVAL_S if bookmarks else None)
                for event_type, record in batch:
                    yield WatchEvent(event_type, self._resources.object(kind, record))
                if not batch:
                    at = self._resources.store.revision
                    yield WatchEvent("BOOKMARK", bookmark_object(kind.api_version, kind.kind, at))
        finally:
            self._reads.hub.remove(watcher)

    async def stream(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[bytes]:
        raise not_implemented("streams are served over HTTP only")
        yield b""  # an asynchronous generator, as the protocol wants

    async def close(self) -> None:
        """Nothing is held."""


def _copy(obj: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(obj))
