"""What controllers ask of a pod: is it active, ready, available, and which goes first when there are too many."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mesh.kube.objects import Object, annotations_of, deleting

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def condition(obj: Object, name: str) -> dict[str, Any]:
    """The condition of this type, {} when the status has none."""
    for found in (obj.get("status") or {}).get("conditions") or []:
        if found.get("type") == name:
            return dict(found)
    return {}


def is_ready(pod: Object) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def is_active(pod: Object) -> bool:
    """Neither finished nor on its way out."""
    return not deleting(pod) and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}


def is_available(pod: Object, min_ready_s: int, now: float) -> bool:
    """Ready, and for long enough (minReadySeconds)."""
    return is_ready(pod) and available_at(pod, min_ready_s) <= now


def available_at(pod: Object, min_ready_s: int) -> float:
    """When a ready pod becomes available; seconds since the epoch."""
    if not min_ready_s:
        return 0.0
    return parse_time(condition(pod, "Ready").get("lastTransitionTime")) + min_ready_s


def parse_time(text: object) -> float:
    """RFC 3339 as Kubernetes writes it to seconds since the epoch; 0 for nothing."""
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp() if text else 0.0


def deletion_order(pod: Object) -> tuple[object, ...]:
    """Sorts the pod to delete first to the front.

    Kubernetes (controller_utils.go, ActivePodsWithRanks): unassigned, then pending, not ready, of lower deletion
    cost, and of the rest the newer one.
    """
    phase = (pod.get("status") or {}).get("phase") or "Pending"
    cost = annotations_of(pod).get(DELETION_COST, "0")
    return (
        bool((pod.get("spec") or {}).get("nodeName")),
        {"Pending": 0, "Unknown": 1}.get(phase, 2),
        is_ready(pod),
        int(cost) if cost.lstrip("-").isdigit() else 0,
        -parse_time(pod["metadata"].get("creationTimestamp")),
    )
