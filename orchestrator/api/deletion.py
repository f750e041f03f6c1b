"""Deletion: at once, after a grace period that the node ends, or when the last finalizer is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mesh.kube.objects import Object
from orchestrator.api.call import Call, DeleteOptions
from orchestrator.api.errors import conflict, forbidden, success
from orchestrator.api.metadata import timestamp
from orchestrator.api.reads import ListOptions, Reads
from orchestrator.api.resources import Resources, finished
from orchestrator.api.strategies import strategy_of
from orchestrator.store.base import Conflict, Record

DELETE_ATTEMPTS = 10
FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
PROTECTED_NAMESPACES = frozenset(("default", "kube-system", "kube-public"))


class Deletion:
    def __init__(self, resources: Resources, reads: Reads) -> None:
        self._resources = resources
        self._reads = reads

    async def delete(self, call: Call, options: DeleteOptions) -> Object:
        """The object while something still holds it (and for kinds that always answer so), else a Status."""
        if call.kind.plural == "namespaces" and call.name in PROTECTED_NAMESPACES:
            raise forbidden(call.kind, call.name, "this namespace may not be deleted")
        for _ in range(DELETE_ATTEMPTS):
            record = await self._resources.record(call)
            old = self._resources.object(call.kind, record)
            _check_preconditions(call, options, old)
            await self._resources.admission.mutate(call, "DELETE", None, old)
            await self._resources.admission.validate(call, "DELETE", None, old)
            new = self._resources.object(call.kind, record)
            held = self._mark(call, new, options)
            if call.dry_run or (held and new == old):
                return self._answer(call, new, held=held)
            result = await self._store(record, new, held=held)
            if not isinstance(result, Conflict):
                return self._answer(call, new, held=held)
        raise conflict(call.kind, call.name)

    async def _store(self, record: Record, new: Object, *, held: bool) -> Record | Conflict:
        store = self._resources.store
        write = store.put if held else store.delete
        return await write(record.key, new, expected=record.revision)

    def _mark(self, call: Call, obj: Object, options: DeleteOptions) -> bool:
        """Set what a deletion sets; True when the object has to stay for now."""
        meta: dict[str, Any] = obj["metadata"]
        grace_s = _grace(obj, options.grace_period_s) if strategy_of(call.kind).graceful else 0
        if "deletionTimestamp" in meta:
            remaining = meta.get("deletionGracePeriodSeconds") or 0
            if grace_s < remaining:
                # A second deletion may only hurry the first.
                meta["deletionGracePeriodSeconds"] = grace_s
        else:
            _finalizer(meta, options.propagation_policy)
            if call.kind.plural == "namespaces" and not call.kind.group:
                obj.setdefault("status", {})["phase"] = "Terminating"
            meta["deletionTimestamp"] = timestamp(datetime.now(UTC) + timedelta(seconds=grace_s))
            meta["deletionGracePeriodSeconds"] = grace_s
        return not finished(obj)

    def _answer(self, call: Call, obj: Object, *, held: bool) -> Object:
        if held or strategy_of(call.kind).object_on_delete:
            return obj
        return success(call.kind, call.name, obj["metadata"].get("uid") or "")

    async def delete_collection(self, call: Call, options: DeleteOptions, which: ListOptions) -> list[Object]:
        """Every selected object of the namespace, as it was."""
        listed = await self._reads.list(call, which)
        objects: list[Object] = []
        for record in listed.records:
            one = Call(call.user, call.kind, record.key.namespace, record.key.name, dry_run=call.dry_run)
            objects.append(self._resources.object(call.kind, record))
            await self.delete(one, options)
        return objects


def _check_preconditions(call: Call, options: DeleteOptions, obj: Object) -> None:
    for name, wanted, found in (
        ("UID", options.uid, obj["metadata"].get("uid")),
        ("ResourceVersion", options.resource_version, obj["metadata"].get("resourceVersion")),
    ):
        if wanted and wanted != found:
            why = f"Precondition failed: {name} in precondition: {wanted}, {name} in object meta: {found}"
            raise conflict(call.kind, call.name, why)


def _grace(pod: Object, wanted: int | None) -> int:
    """Seconds that the node gives the pod; none for one that never reached a node or is over."""
    spec, phase = pod.get("spec") or {}, (pod.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    grace_s = spec.get("terminationGracePeriodSeconds", 30) if wanted is None else wanted
    # 0 means at once, without the node; a manifest's 0 still lets it clean up.
    return max(int(grace_s), 0 if wanted == 0 else 1)


def _finalizer(meta: dict[str, Any], policy: str) -> None:
    finalizers = [name for name in meta.get("finalizers") or [] if name not in (FOREGROUND, ORPHAN)]
    if policy == "Foreground":
        finalizers.append(FOREGROUND)
    elif policy == "Orphan":
        finalizers.append(ORPHAN)
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
