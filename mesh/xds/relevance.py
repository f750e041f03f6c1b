"""Which changes of an object can change a configuration. Pure.

Heartbeats, probe results and status updates are most of what a cluster's watches bring; none of them is worth a
compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mesh.kube.objects import Object, key_of

_NOISE = frozenset({"resourceVersion", "managedFields", "generation", "selfLink"})
MESH_CONFIG = ("istio-system", "istio")


def matters(kind: str, old: Object | None, new: Object | None) -> bool:
    """True when the change from `old` to `new` of an object of `kind` needs a new state."""
    view = _VIEWS.get(kind, _whole)
    before = view(old) if old is not None else None
    after = view(new) if new is not None else None
    return before != after


def _metadata(obj: Object) -> dict[str, Any]:
    return {key: value for key, value in (obj.get("metadata") or {}).items() if key not in _NOISE}


def _whole(obj: Object) -> Any:
    return _metadata(obj), {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def _pod(obj: Object) -> Any:
    status = obj.get("status") or {}
    ready = [one.get("status") for one in status.get("conditions") or [] if one.get("type") == "Ready"]
    ended = status.get("phase") in ("Succeeded", "Failed")
    return _whole(obj), status.get("podIP"), ended, ready


def _labelled(obj: Object) -> Any:
    """Of a Node or a Namespace only labels and annotations say anything about traffic."""
    meta = obj.get("metadata") or {}
    return meta.get("name"), meta.get("labels"), meta.get("annotations"), meta.get("deletionTimestamp")


def _mesh_config(obj: Object) -> Any:
    return obj.get("data") if key_of(obj) == MESH_CONFIG else None


def _service(obj: Object) -> Any:
    return _whole(obj), obj.get("status")


_VIEWS: dict[str, Callable[[Object], Any]] = {
    "Pod": _pod,
    "Node": _labelled,
    "Namespace": _labelled,
    "ConfigMap": _mesh_config,
    "Service": _service,
}
