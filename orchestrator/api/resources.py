"""The verbs of the API on stored objects, the same for every kind and for every way in (HTTP or in process).

A write is: decode, default, mutating admission, default, validate, validating admission, compare-and-set. Reads and
watches are in `orchestrator.api.reads`, deletion in `orchestrator.api.deletion`.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import msgspec

from mesh.kube.client import PatchType
from mesh.kube.errors import ApiError
from mesh.kube.kinds import Kind, KindRegistry
from mesh.kube.objects import Object
from mesh.kube.patch import PatchError, json_patch, merge_patch, strategic_merge_patch
from mesh.kube.schema.fields import is_custom, message_of
from orchestrator.api import apply, metadata
from orchestrator.api.admission import Chain
from orchestrator.api.allocation import ServiceAddresses
from orchestrator.api.call import INTERNAL, Call, resource_of
from orchestrator.api.decode import conform, identify
from orchestrator.api.errors import (
    Cause,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    internal,
    invalid_object,
    not_found,
    unsupported_media_type,
)
from orchestrator.api.strategies import strategy_of
from orchestrator.api.strategy import Strategy
from orchestrator.store.base import Conflict, Record, Store, StoreKey

GENERATED_NAME_ATTEMPTS = 8
UPDATE_ATTEMPTS = 10
NAMESPACES = "/namespaces"
_ALWAYS_THERE = frozenset(("apiVersion", "kind", "metadata", "status"))

Transform = Callable[[Object], Object]


class Resources:
    """One per API server. Objects handed in belong to the callee; objects returned are the caller's."""

    def __init__(self, store: Store, registry: KindRegistry, admission: Chain, *, addresses: ServiceAddresses) -> None:
        self.store = store
        self.registry = registry
        self.admission = admission
        self.addresses = addresses
        self.rng = random.Random()

    def key(self, call: Call) -> StoreKey:
        return StoreKey(call.resource, call.namespace if call.kind.namespaced else "", call.name)

    async def record(self, call: Call) -> Record:
        record = await self.store.get(self.key(call))
        if record is None:
            raise not_found(call.kind, call.name)
        return record

    async def get(self, call: Call) -> Object:
        return self.object(call.kind, await self.record(call))

    def object(self, kind: Kind, record: Record) -> Object:
        """The stored object in the version of `kind`; versions of one kind differ in nothing but their name."""
        obj = record.object()
        obj["apiVersion"] = kind.api_version
        return obj

    async def create(self, call: Call, obj: Object) -> Object:
        identify(call, obj)
        strategy = strategy_of(call.kind)
        conform(call, obj)
        generated = not obj["metadata"].get("name") and bool(obj["metadata"].get("generateName"))
        for _ in range(GENERATED_NAME_ATTEMPTS if generated else 1):
            if generated:
                obj["metadata"].pop("name", None)
            metadata.begin(obj, self.rng, generation=strategy.generation)
            stored = await self._create_named(call, obj, strategy)
            if stored is not None:
                return stored
        raise already_exists(call.kind, obj["metadata"]["name"])

    async def _create_named(self, call: Call, obj: Object, strategy: Strategy) -> Object | None:
        """None when the name is taken."""
        await self._check_namespace(call, obj)
        if strategy.status:
            obj.pop("status", None)
        strategy.prepare(obj, None)
        strategy.default(obj)
        obj = await self._admit(call, "CREATE", obj, None, strategy)
        # The name comes from the body, so the call learns it here.
        call.name = obj["metadata"].get("name") or ""
        self._refuse(call, obj, [*self._check_metadata(call, obj, strategy), *strategy.validate(obj)])
        await self.admission.validate(call, "CREATE", obj, None)
        apply.record(call, obj, None)
        call.created = True
        key = self.key(call)
        if await self.store.get(key) is not None:
            return None
        with self.addresses.allocated(call.kind, obj, None) as allocation:
            self._refuse(call, obj, allocation.causes)
            if call.dry_run:
                return obj
            if isinstance(await self.store.put(key, obj, expected=0), Conflict):
                return None
            allocation.keep()
        return obj

    async def _check_namespace(self, call: Call, obj: Object) -> None:
        if not call.kind.namespaced:
            return
        found = await self.store.get(StoreKey(NAMESPACES, "", call.namespace))
        if found is None:
            namespaces = self.registry.gvk("v1", "Namespace")
            assert namespaces is not None
            raise not_found(namespaces, call.namespace)
        if b'"deletionTimestamp"' in found.value and found.object()["metadata"].get("deletionTimestamp"):
            raise forbidden(
                call.kind,
                obj["metadata"].get("name") or "",
                f"unable to create new content in namespace {call.namespace} because it is being terminated",
                causes=[
                    Cause(
                        "NamespaceTerminating",
                        "metadata.namespace",
                        f"namespace {call.namespace} is being terminated",
                    )
                ],
            )

    async def update(self, call: Call, obj: Object) -> Object:
        """PUT: replace the state; conditional when `obj` carries a resourceVersion."""
        identify(call, obj)
        strategy = strategy_of(call.kind)
        if strategy.create_on_update and not call.subresource and await self.store.get(self.key(call)) is None:
            return await self.create(call, obj)
        conform(call, obj)
        value = msgspec.json.encode(obj)

        def replace(old: Object) -> Object:
            # Each attempt works on its own copy.
            replacement: Object = msgspec.json.decode(value)
            return replacement

        return await self.modify(call, replace, conformed=True)

    async def patch(self, call: Call, patch_type: PatchType, patch: Any) -> Object:
        if patch_type == "apply":
            return await self._apply(call, apply.prepare(call, patch))
        return await self.modify(call, self.patcher(call, patch_type, patch))

    async def _apply(self, call: Call, body: Object) -> Object:
        """The object is created when it is not there. `body` stays as it is: a write may be tried again."""
        if not call.subresource and await self.store.get(self.key(call)) is None:
            try:
                return await self.create(call, copy.deepcopy(body))
            except ApiError as problem:
                if problem.reason != "AlreadyExists":
                    raise
                call.created = False  # somebody else was first
        return await self.modify(call, lambda old: apply.merge(call, body, old))

    def patcher(self, call: Call, patch_type: PatchType, patch: Any) -> Transform:
        """What applies the patch to an object of the call's kind."""
        kind = call.kind
        if patch_type == "strategic" and is_custom(kind.api_version):
            raise unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
            )

        def transform(old: Object) -> Object:
            try:
                if patch_type == "json":
                    return json_patch(old, patch)
                if patch_type == "strategic":
                    return strategic_merge_patch(old, patch, message_of(kind.api_version, kind.kind))
                if not isinstance(patch, dict):
                    raise PatchError("a merge patch is an object", malformed=True)
                merged: Object = merge_patch(old, patch)
                return merged
            except PatchError as failure:
                if failure.malformed:
                    raise bad_request(str(failure)) from failure
                causes = [Cause("FieldValueInvalid", "patch", f"Invalid value: {failure}")]
                raise invalid_object(kind, call.name, causes) from failure

        return transform

    async def modify(self, call: Call, transform: Transform, *, conformed: bool = False) -> Object:
        """Read, transform, check, write; again when somebody else wrote in between and the client did not mind which
        version it changes."""
        for _ in range(UPDATE_ATTEMPTS):
            record = await self.record(call)
            old = self.object(call.kind, record)
            new = transform(self.object(call.kind, record))
            identify(call, new)
            if not conformed:
                conform(call, new)
            wanted = new["metadata"].get("resourceVersion")
            if wanted and wanted != str(record.revision):
                raise conflict(call.kind, call.name)
            result = await self._write(call, new, old, record)
            if not isinstance(result, Conflict):
                return result
        raise conflict(call.kind, call.name)

    async def _write(self, call: Call, new: Object, old: Object, record: Record) -> Object | Conflict:
        strategy = strategy_of(call.kind)
        metadata.carry(call, new, old)
        _separate_status(call, new, old, strategy)
        strategy.prepare(new, old)
        strategy.default(new)
        new = await self._admit(call, "UPDATE", new, old, strategy)
        causes = self._check_metadata(call, new, strategy)
        if not call.subresource:
            causes += [*strategy.validate(new), *strategy.validate_update(new, old)]
        self._refuse(call, new, causes)
        await self.admission.validate(call, "UPDATE", new, old)
        if strategy.generation and "generation" in new["metadata"] and _content(new) != _content(old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        apply.record(call, new, old)
        if new == old:
            return new
        with self.addresses.allocated(call.kind, new, old) as allocation:
            self._refuse(call, new, allocation.causes)
            if call.dry_run:
                return new
            write = self.store.delete if finished(new) else self.store.put
            written = await write(record.key, new, expected=record.revision)
            if isinstance(written, Conflict):
                return written
            allocation.keep()
        return new

    async def _admit(self, call: Call, operation: str, obj: Object, old: Object | None, strategy: Strategy) -> Object:
        admitted = await self.admission.mutate(call, operation, obj, old)
        if admitted is None:
            raise internal("admission removed the object")
        if admitted is not obj:
            conform(Call(INTERNAL, call.kind, call.namespace, call.name), admitted)
            strategy.default(admitted)
        return admitted

    def _check_metadata(self, call: Call, obj: Object, strategy: Strategy) -> list[Cause]:
        return metadata.validate(obj, strategy.name_rule, namespaced=call.kind.namespaced)

    def _refuse(self, call: Call, obj: Object, causes: list[Cause]) -> None:
        if causes:
            raise invalid_object(call.kind, obj["metadata"].get("name") or "", causes)


def _separate_status(call: Call, new: Object, old: Object, strategy: Strategy) -> None:
    """The main resource cannot write status, the status subresource writes nothing else."""
    if not strategy.status or call.subresource == "binding":
        return
    if call.subresource == "status":
        status = new.get("status")
        meta = new["metadata"]
        kept = dict(old)
        kept["metadata"] = dict(old["metadata"])
        # As pods do upstream: the node announces things in annotations together with the status.
        for name in ("annotations", "labels", "finalizers"):
            if name in meta:
                kept["metadata"][name] = meta[name]
            else:
                kept["metadata"].pop(name, None)
        new.clear()
        new.update(kept)
        if status is not None:
            new["status"] = status
        else:
            new.pop("status", None)
    elif "status" in old:
        new["status"] = old["status"]
    else:
        new.pop("status", None)


def _content(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in _ALWAYS_THERE}


def finished(obj: Object) -> bool:
    """Nothing holds a deleted object any more: no finalizer, and no grace period that the node has to end."""
    meta = obj["metadata"]
    return bool(
        meta.get("deletionTimestamp")
        and not meta.get("finalizers")
        and not meta.get("deletionGracePeriodSeconds")
        and not (obj.get("kind") == "Namespace" and (obj.get("spec") or {}).get("finalizers"))
    )


def storage_key(kind: Kind, name: str, namespace: str = "") -> StoreKey:
    return StoreKey(resource_of(kind), namespace if kind.namespaced else "", name)
