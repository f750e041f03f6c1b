"""Kubernetes objects are plain JSON values; these helpers read them without surprises.

Objects stay dictionaries end to end, so a field that we do not know survives a round trip unchanged.
What fields exist, and of which type, is data (`mesh.kube.schema`), not classes.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
"""One Kubernetes object as decoded JSON: apiVersion, kind, metadata, and the rest of its kind."""

Key = tuple[str, str]
"""(namespace, name); the namespace of a cluster-scoped object is the empty string."""


def key_of(obj: Object) -> Key:
    meta = obj.get("metadata") or {}
    return meta.get("namespace") or "", meta.get("name") or ""


def metadata(obj: Object) -> dict[str, Any]:
    meta: dict[str, Any] = obj.setdefault("metadata", {})
    return meta


def name_of(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("name") or "")


def namespace_of(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "")


def uid_of(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("uid") or "")


def labels_of(obj: Object) -> dict[str, str]:
    return dict((obj.get("metadata") or {}).get("labels") or {})


def annotations_of(obj: Object) -> dict[str, str]:
    return dict((obj.get("metadata") or {}).get("annotations") or {})


def resource_version_of(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("resourceVersion") or "")


def deleting(obj: Object) -> bool:
    """True from the moment a graceful deletion was accepted."""
    return bool((obj.get("metadata") or {}).get("deletionTimestamp"))


def controller_of(obj: Object) -> dict[str, Any] | None:
    """The owner reference with controller=true, None for an object that no controller owns."""
    for owner in (obj.get("metadata") or {}).get("ownerReferences") or []:
        if owner.get("controller"):
            return dict(owner)
    return None
