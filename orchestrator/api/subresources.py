"""Subresources: status, scale, binding, token, finalize; and kinds that are only ever created (reviews)."""

from __future__ import annotations

from typing import Any, Protocol

from mesh.kube.client import PatchType
from mesh.kube.objects import Object
from mesh.kube.patch import PatchError, json_patch, merge_patch
from mesh.kube.selectors import format_api
from orchestrator.api.access_reviews import REVIEWS, review
from orchestrator.api.call import Call
from orchestrator.api.deletion import Deletion
from orchestrator.api.errors import (
    Cause,
    bad_request,
    conflict,
    failure,
    invalid_object,
    not_allowed,
    not_implemented,
    unsupported_media_type,
)
from orchestrator.api.eviction import evict
from orchestrator.api.metadata import timestamp
from orchestrator.api.resources import Resources

SCALED = frozenset(("deployments", "replicasets", "statefulsets"))


class Tokens(Protocol):
    """What issues and checks tokens."""

    async def request(self, call: Call, service_account: Object, request: Object) -> Object: ...

    async def review(self, review: Object) -> Object: ...


class Subresources:
    def __init__(self, resources: Resources, tokens: Tokens, deletion: Deletion) -> None:
        self._deletion = deletion
        self._resources = resources
        self._tokens = tokens

    async def get(self, call: Call) -> Object:
        if call.subresource == "status":
            return await self._resources.get(call)
        if call.subresource == "scale" and call.kind.plural in SCALED:
            return _scale_of(await self._resources.get(call))
        raise not_allowed()

    async def create(self, call: Call, obj: Object) -> Object:
        if call.subresource == "binding" and call.kind.plural == "pods":
            return await self._bind(call, obj)
        if call.subresource == "token" and call.kind.plural == "serviceaccounts":
            return await self._tokens.request(call, await self._resources.get(call), obj)
        if call.kind.plural == "tokenreviews":
            return await self._tokens.review(obj)
        if call.kind.plural == "selfsubjectreviews":
            return {**obj, "status": {"userInfo": call.user.to_api()}}
        if call.kind.plural in REVIEWS:
            return review(call, obj, self._resources.registry)
        if call.subresource == "eviction" and call.kind.plural == "pods":
            return await evict(call, obj, self._deletion)
        if call.subresource in ("attach", "proxy", "ephemeralcontainers"):
            raise not_implemented(f"{call.kind.plural}/{call.subresource} is not supported by this server yet")
        raise not_allowed()

    async def update(self, call: Call, obj: Object) -> Object:
        if call.subresource == "scale" and call.kind.plural in SCALED:
            return await self._scale(call, obj)
        if call.subresource == "finalize" and call.kind.plural == "namespaces":
            return await self._finalize(call, obj)
        if call.subresource == "status":
            return await self._resources.update(call, obj)
        raise not_allowed()

    async def patch(self, call: Call, patch_type: PatchType, patch: Any) -> Object:
        if call.subresource == "scale" and call.kind.plural in SCALED:
            current = _scale_of(await self._resources.get(call))
            if patch_type == "apply":
                raise unsupported_media_type("a scale is not applied: send a merge patch, or apply the whole object")
            try:
                if patch_type == "json":
                    changed = json_patch(current, patch)
                else:
                    changed = merge_patch(current, patch)
            except PatchError as problem:
                raise bad_request(str(problem)) from problem
            return await self._scale(call, changed)
        if call.subresource == "status":
            return await self._resources.patch(call, patch_type, patch)
        raise not_allowed()

    async def _scale(self, call: Call, scale: Object) -> Object:
        replicas = (scale.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int) or isinstance(replicas, bool):
            raise bad_request("spec.replicas must be an integer")
        if replicas < 0:
            message = f"Invalid value: {replicas}: must be greater than or equal to 0"
            raise invalid_object(call.kind, call.name, [Cause("FieldValueInvalid", "spec.replicas", message)])
        wanted = (scale.get("metadata") or {}).get("resourceVersion")

        def transform(old: Object) -> Object:
            if wanted and wanted != old["metadata"]["resourceVersion"]:
                raise conflict(call.kind, call.name)
            old["spec"]["replicas"] = replicas
            return old

        main = Call(call.user, call.kind, call.namespace, call.name, dry_run=call.dry_run)
        main.field_manager = call.field_manager
        return _scale_of(await self._resources.modify(main, transform))

    async def _bind(self, call: Call, binding: Object) -> Object:
        node = (binding.get("target") or {}).get("name")
        if not node:
            message = "Required value"
            raise invalid_object(call.kind, call.name, [Cause("FieldValueRequired", "target.name", message)])

        def transform(old: Object) -> Object:
            if old["metadata"].get("deletionTimestamp"):
                raise conflict(call.kind, call.name, f"pod {call.name} is being deleted, cannot be assigned to a host")
            if old["spec"].get("nodeName"):
                why = f"pod {call.name} is already assigned to node {old['spec']['nodeName']!r}"
                raise conflict(call.kind, call.name, why)
            old["spec"]["nodeName"] = node
            status = old.setdefault("status", {})
            others = [c for c in status.get("conditions") or [] if c.get("type") != "PodScheduled"]
            scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": timestamp()}
            status["conditions"] = [*others, scheduled]
            return old

        await self._resources.modify(call, transform)
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}

    async def _finalize(self, call: Call, obj: Object) -> Object:
        finalizers = (obj.get("spec") or {}).get("finalizers") or []

        def transform(old: Object) -> Object:
            old.setdefault("spec", {})["finalizers"] = finalizers
            return old

        if not isinstance(finalizers, list):
            raise failure(400, "spec.finalizers must be a list")
        return await self._resources.modify(call, transform)


def _scale_of(obj: Object) -> Object:
    meta = obj["metadata"]
    kept = {name: meta[name] for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    status: dict[str, Any] = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
    if selector := format_api(obj["spec"].get("selector")):
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": kept,
        "spec": {"replicas": obj["spec"].get("replicas", 0)},
        "status": status,
    }
