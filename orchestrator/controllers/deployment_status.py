"""A Deployment's status: counts and the two conditions that `kubectl rollout status` and `wait` read."""

from __future__ import annotations

from typing import Any

from mesh.kube.objects import Object, annotations_of, name_of
from orchestrator.controllers.pods import condition, parse_time
from orchestrator.controllers.rollout import fence_posts

REVISION = "deployment.kubernetes.io/revision"
PROGRESS_DEADLINE_S = 600


def revision_of(obj: Object) -> int:
    text = annotations_of(obj).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def deployment_status(deployment: Object, new: Object | None, old: list[Object], now: str) -> dict[str, Any]:
    """The whole status at `now` (RFC 3339)."""
    sets = [*old, *([new] if new is not None else [])]
    replicas, ready, available = (_sum(sets, name) for name in ("replicas", "readyReplicas", "availableReplicas"))
    wanted = deployment["spec"].get("replicas", 1)
    counts = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": replicas,
        "updatedReplicas": _sum([new] if new is not None else [], "replicas"),
        "readyReplicas": ready,
        "availableReplicas": available,
        "unavailableReplicas": max(max(wanted, replicas) - available, 0),
    }
    status: dict[str, Any] = {name: value for name, value in counts.items() if value}
    conditions = [_available(deployment, available, wanted, now)]
    progress = _progressing(deployment, new, status, now)
    if progress is not None:
        conditions.append(progress)
    status["conditions"] = conditions
    return status


def _sum(sets: list[Object], name: str) -> int:
    return sum((rs.get("status") or {}).get(name) or 0 for rs in sets)


def complete(deployment: Object, status: dict[str, Any]) -> bool:
    """All pods are of the new template, and all are available (deployment_util.go, DeploymentComplete)."""
    wanted = deployment["spec"].get("replicas", 1)
    return all(status.get(name, 0) == wanted for name in ("updatedReplicas", "replicas", "availableReplicas"))


def _available(deployment: Object, available: int, wanted: int, now: str) -> dict[str, Any]:
    strategy = deployment["spec"].get("strategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    unavailable = fence_posts(rolling.get("maxSurge"), rolling.get("maxUnavailable"), wanted)[1]
    if strategy.get("type") == "Recreate":
        unavailable = 0
    enough = available >= wanted - unavailable
    if enough:
        return _kept(
            deployment, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now
        )
    message = "Deployment does not have minimum availability."
    return _kept(deployment, "Available", "False", "MinimumReplicasUnavailable", message, now)


def _progressing(deployment: Object, new: Object | None, status: dict[str, Any], now: str) -> dict[str, Any] | None:
    before = condition(deployment, "Progressing")
    name = name_of(new) if new is not None else ""
    if complete(deployment, status) and new is not None:
        message = f'ReplicaSet "{name}" has successfully progressed.'
        return _kept(deployment, "Progressing", "True", "NewReplicaSetAvailable", message, now)
    if deployment["spec"].get("paused"):
        return _kept(deployment, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now)
    if new is None:
        return before or None
    if _moved(deployment.get("status") or {}, status) or not before or name not in before.get("message", ""):
        message = f'ReplicaSet "{name}" is progressing.'
        made = _kept(deployment, "Progressing", "True", "ReplicaSetUpdated", message, now)
        return {**made, "lastUpdateTime": now}
    if before.get("reason") == "NewReplicaSetAvailable":
        return before  # pods that fail later are no rollout
    deadline_s = deployment["spec"].get("progressDeadlineSeconds", PROGRESS_DEADLINE_S)
    if parse_time(now) - parse_time(before.get("lastUpdateTime")) >= deadline_s:
        message = f'ReplicaSet "{name}" has timed out progressing.'
        return _kept(deployment, "Progressing", "False", "ProgressDeadlineExceeded", message, now)
    return before


def _moved(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """More updated, ready or available pods, or fewer old ones."""

    def old_pods(status: dict[str, Any]) -> int:
        return int(status.get("replicas", 0) - status.get("updatedReplicas", 0))

    grew = any(after.get(n, 0) > before.get(n, 0) for n in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return grew or old_pods(after) < old_pods(before)


def _kept(deployment: Object, kind: str, status: str, reason: str, message: str, now: str) -> dict[str, Any]:
    """A condition whose times change only when it does."""
    before = condition(deployment, kind)
    same = before.get("status") == status and before.get("reason") == reason and before.get("message") == message
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": before["lastUpdateTime"] if same else now,
        "lastTransitionTime": before["lastTransitionTime"] if before.get("status") == status else now,
    }


def deadline_left_s(deployment: Object, status: dict[str, Any], now: float) -> float | None:
    """When to look again for a missed progress deadline; None when nothing is in progress."""
    progress = next((found for found in status["conditions"] if found["type"] == "Progressing"), None)
    if progress is None or progress["reason"] != "ReplicaSetUpdated":
        return None
    deadline_s = deployment["spec"].get("progressDeadlineSeconds", PROGRESS_DEADLINE_S)
    return max(float(parse_time(progress["lastUpdateTime"]) + deadline_s - now), 1.0)
