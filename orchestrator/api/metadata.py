"""metadata: what the server sets on creation, keeps on update, and refuses."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime
from typing import Any

from mesh.kube.objects import Object
from orchestrator.api.call import Call
from orchestrator.api.errors import Cause, conflict, invalid, required
from orchestrator.api.names import NameRule, check_annotations, check_labels, generated, qualified_name

FINALIZERS_MAX = 100
_KEPT_ON_UPDATE = (
    "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName",
)  # fmt: skip
_SERVER_SET = (
    "uid", "creationTimestamp", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink",
    "managedFields", "generation",
)  # fmt: skip


def timestamp(moment: datetime | None = None) -> str:
    """Seconds in UTC, as metadata.creationTimestamp is written."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def begin(obj: Object, rng: random.Random, *, generation: bool) -> None:
    """Metadata of an object that does not exist yet; also draws a generated name."""
    meta = obj["metadata"]
    for name in _SERVER_SET:
        meta.pop(name, None)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = generated(meta["generateName"], rng)
    meta["uid"] = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    meta["creationTimestamp"] = timestamp()
    if generation:
        meta["generation"] = 1


def carry(call: Call, new: Object, old: Object) -> None:
    """Metadata of a new state of `old`: what clients cannot change stays as it was."""
    meta, before = new["metadata"], old["metadata"]
    if meta.get("uid") and meta["uid"] != before.get("uid"):
        raise conflict(
            call.kind,
            call.name,
            f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {before.get('uid')}",
        )
    for name in _KEPT_ON_UPDATE:
        if name in before:
            meta[name] = before[name]
        else:
            meta.pop(name, None)
    meta.pop("selfLink", None)
    if meta.get("managedFields") is None and "managedFields" in before:
        meta["managedFields"] = before["managedFields"]
    if "generation" in before:
        meta["generation"] = before["generation"]


def validate(obj: Object, rule: NameRule, *, namespaced: bool) -> list[Cause]:
    meta: dict[str, Any] = obj["metadata"]
    causes: list[Cause] = []
    if not meta.get("name"):
        causes.append(required("metadata.name", "name or generateName is required"))
    elif wrong := rule(meta["name"]):
        causes.append(invalid("metadata.name", meta["name"], wrong))
    if namespaced and not meta.get("namespace"):
        causes.append(required("metadata.namespace"))
    causes += check_labels(meta.get("labels"), "metadata.labels")
    causes += check_annotations(meta.get("annotations"), "metadata.annotations")
    for finalizer in (meta.get("finalizers") or [])[:FINALIZERS_MAX]:
        if wrong := qualified_name(finalizer):
            causes.append(invalid("metadata.finalizers", finalizer, wrong))
    for index, owner in enumerate(meta.get("ownerReferences") or []):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                causes.append(
                    invalid(f"metadata.ownerReferences[{index}].{name}", owner.get(name) or "", "must not be empty")
                )
    return causes
