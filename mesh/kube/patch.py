"""The patches of the Kubernetes API: JSON patch (RFC 6902), merge patch (RFC 7396), strategic merge patch.

All are pure and leave the original alone. A strategic merge needs to know which lists merge, and by which key;
`MERGE_KEYS` says so for the messages of the field table.
"""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import jsonpointer

from mesh.kube.objects import Object
from mesh.kube.schema.fields import Message, message

JSON_PATCH_OPERATIONS_MAX = 10_000
_PRIMITIVE = "$"
"""Merge key of lists of plain values: the value itself."""

MERGE_KEYS: dict[str, dict[str, str]] = {
    "core.v1.PodSpec": {
        "containers": "name", "initContainers": "name", "ephemeralContainers": "name", "imagePullSecrets": "name",
        "schedulingGates": "name", "volumes": "name", "resourceClaims": "name", "hostAliases": "ip",
        "topologySpreadConstraints": "topologyKey",
    },
    "core.v1.Container": {
        "env": "name", "ports": "containerPort", "volumeMounts": "mountPath", "volumeDevices": "devicePath",
    },
    "core.v1.EphemeralContainer": {
        "env": "name", "ports": "containerPort", "volumeMounts": "mountPath", "volumeDevices": "devicePath",
    },
    "core.v1.PodStatus": {"conditions": "type", "podIPs": "ip", "hostIPs": "ip", "resourceClaimStatuses": "name"},
    "core.v1.ServiceAccount": {"secrets": "name"},
    "core.v1.ServiceSpec": {"ports": "port"},
    "core.v1.ServiceStatus": {"conditions": "type"},
    "core.v1.NodeStatus": {"conditions": "type", "addresses": "type"},
    "core.v1.NodeSpec": {"podCIDRs": _PRIMITIVE},
    "core.v1.NamespaceStatus": {"conditions": "type"},
    "core.v1.PersistentVolumeClaimStatus": {"conditions": "type"},
    "apps.v1.DeploymentStatus": {"conditions": "type"},
    "apps.v1.ReplicaSetStatus": {"conditions": "type"},
    "apps.v1.StatefulSetStatus": {"conditions": "type"},
    "apps.v1.DaemonSetStatus": {"conditions": "type"},
    "batch.v1.JobStatus": {"conditions": "type"},
    "policy.v1.PodDisruptionBudgetStatus": {"conditions": "type"},
    "apis.meta.v1.ObjectMeta": {"ownerReferences": "uid", "finalizers": _PRIMITIVE},
    "admissionregistration.v1.MutatingWebhookConfiguration": {"webhooks": "name"},
    "admissionregistration.v1.ValidatingWebhookConfiguration": {"webhooks": "name"},
    "admissionregistration.v1.MutatingWebhook": {"matchConditions": "name"},
    "admissionregistration.v1.ValidatingWebhook": {"matchConditions": "name"},
}  # fmt: skip

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"
_RETAIN = "$retainKeys"
_DIRECTIVE = "$patch"


class PatchError(ValueError):
    """The patch cannot be applied. `malformed` tells a bad patch (400) from one that does not fit (422)."""

    def __init__(self, message: str, *, malformed: bool) -> None:
        super().__init__(message)
        self.malformed = malformed


def json_patch(original: Object, operations: Any) -> Object:
    if not isinstance(operations, list):
        raise PatchError("a JSON patch is a list of operations", malformed=True)
    if len(operations) > JSON_PATCH_OPERATIONS_MAX:
        limit = f"The allowed maximum operations in a JSON patch is {JSON_PATCH_OPERATIONS_MAX}, got {len(operations)}"
        raise PatchError(limit, malformed=True)
    try:
        patched: Any = jsonpatch.apply_patch(original, operations)
    except jsonpatch.InvalidJsonPatch as failure:
        raise PatchError(str(failure), malformed=True) from failure
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, KeyError, TypeError) as failure:
        raise PatchError(str(failure), malformed=False) from failure
    if not isinstance(patched, dict):
        raise PatchError("the patch leaves no object", malformed=False)
    result: Object = patched
    return result


def merge_patch(original: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_merge_patch(original: Object, patch: Object, schema: Message | None) -> Object:
    """Merge with the directives `$patch`, `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`."""
    if not isinstance(patch, dict):
        raise PatchError("a strategic merge patch is an object", malformed=True)
    return _merge_map(copy.deepcopy(original), patch, schema)


def _merge_map(original: dict[str, Any], patch: dict[str, Any], schema: Message | None) -> dict[str, Any]:
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return {key: _clean(value) for key, value in patch.items() if not key.startswith("$") and value is not None}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise PatchError(f"Unknown patch type found: {directive}", malformed=True)
    if _RETAIN in patch:
        retained = set(patch[_RETAIN] or ())
        original = {key: value for key, value in original.items() if key in retained}
    for key, value in patch.items():
        if key.startswith(_DELETE):
            name = key.removeprefix(_DELETE)
            original[name] = [item for item in original.get(name) or [] if item not in (value or [])]
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(original, key, value, patch, schema)
    for key, value in patch.items():
        name = key.removeprefix(_ORDER)
        # Only an order was sent: the items are as they were, their sequence may not be.
        if key.startswith(_ORDER) and name not in patch and isinstance(original.get(name), list):
            original[name] = _reorder(original[name], value or [], _merge_key(schema, name), original[name])
    return original


def _merge_field(original: dict[str, Any], key: str, value: Any, patch: dict[str, Any], schema: Message | None) -> None:
    if value is None:
        original.pop(key, None)
        return
    known = schema.fields.get(key) if schema else None
    inner = message(known.type) if known and not known.scalar else None
    if isinstance(value, dict):
        current = original.get(key)
        if known is not None and known.shape == "map":
            inner = None
        if isinstance(current, dict):
            original[key] = _merge_map(current, value, inner)
        else:
            # A new value: directives and nulls in it have nothing to act on.
            original[key] = _merge_map({}, value, inner) if value.get(_DIRECTIVE) != "delete" else {}
    elif isinstance(value, list) and (merge_key := _merge_key(schema, key)):
        current = original.get(key) or []
        merged = _merge_list(current, value, merge_key, inner)
        original[key] = _reorder(merged, patch.get(_ORDER + key) or [], merge_key, current)
    else:
        original[key] = _clean(value)


def _merge_key(schema: Message | None, field: str) -> str:
    return MERGE_KEYS.get(schema.name, {}).get(field, "") if schema else ""


def _merge_list(current: list[Any], patch: list[Any], key: str, inner: Message | None) -> list[Any]:
    if key == _PRIMITIVE:
        return [*current, *(item for item in patch if item not in current)]
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [_clean(item) for item in patch if item.get(_DIRECTIVE) != "replace"]
    merged = list(current)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise PatchError(f"map: {item} does not contain declared merge key: {key}", malformed=True)
        places = [place for place, known in enumerate(merged) if known.get(key) == item[key]]
        if item.get(_DIRECTIVE) == "delete":
            merged = [known for known in merged if known.get(key) != item[key]]
        elif places:
            merged[places[0]] = _merge_map(merged[places[0]], item, inner)
        else:
            merged.append(_merge_map({}, item, inner))
    return merged


def _reorder(items: list[Any], order: list[Any], key: str, before: list[Any]) -> list[Any]:
    """Items named in `order` follow it; the others stay where they were among their old neighbours."""
    if not order or not key:
        return items

    def identity(item: Any) -> Any:
        return item if key == _PRIMITIVE else (item.get(key) if isinstance(item, dict) else item)

    ranks = {_hashable(identity(item)): rank for rank, item in enumerate(order)}
    places = {_hashable(identity(item)): place for place, item in reversed(list(enumerate(before)))}
    listed = [item for item in items if _hashable(identity(item)) in ranks]
    listed.sort(key=lambda item: ranks[_hashable(identity(item))])
    result = listed
    for item in (item for item in items if _hashable(identity(item)) not in ranks):
        place = places.get(_hashable(identity(item)), len(before))
        later = (
            index for index, other in enumerate(result) if places.get(_hashable(identity(other)), -1) > place
        )  # fmt: skip
        result.insert(next(later, len(result)), item)
    return result


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, dict | list) else value


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items() if not k.startswith("$") and v is not None}
    return [_clean(item) for item in value] if isinstance(value, list) else value
