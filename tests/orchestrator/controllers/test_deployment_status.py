"""Conditions and counts that `kubectl rollout status` reads."""

from __future__ import annotations

from typing import Any

from orchestrator.controllers.deployment_status import complete, deadline_left_s, deployment_status, revision_of

THEN, NOW = "2024-01-01T00:00:00Z", "2024-01-01T00:20:00Z"
NOW_S = 1704067200.0 + 1200


def deployment(replicas: int = 4, conditions: list[dict[str, Any]] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "generation": 7},
        "spec": {"replicas": replicas, "progressDeadlineSeconds": 600, **spec},
        "status": {"conditions": conditions or []},
    }


def replica_set(name: str, replicas: int, available: int) -> dict[str, Any]:
    status = {"replicas": replicas, "readyReplicas": available, "availableReplicas": available}
    return {"metadata": {"name": name}, "spec": {"replicas": replicas}, "status": status}


def reasons(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {found["type"]: (found["status"], found["reason"]) for found in status["conditions"]}


def test_counts_in_the_middle_of_a_rollout() -> None:
    status = deployment_status(deployment(), replica_set("new", 2, 1), [replica_set("old", 3, 3)], NOW)
    assert {key: status[key] for key in status if key != "conditions"} == {
        "observedGeneration": 7,
        "replicas": 5,
        "updatedReplicas": 2,
        "readyReplicas": 4,
        "availableReplicas": 4,
        "unavailableReplicas": 1,
    }
    assert reasons(status) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "ReplicaSetUpdated"),
    }
    assert not complete(deployment(), status)


def test_complete() -> None:
    status = deployment_status(deployment(), replica_set("new", 4, 4), [], NOW)
    assert complete(deployment(), status)
    assert reasons(status)["Progressing"] == ("True", "NewReplicaSetAvailable")
    assert "unavailableReplicas" not in status
    assert deadline_left_s(deployment(), status, NOW_S) is None


def test_without_minimum_availability() -> None:
    status = deployment_status(deployment(), replica_set("new", 4, 2), [], NOW)
    assert reasons(status)["Available"] == ("False", "MinimumReplicasUnavailable")


def test_a_rollout_that_stands_still_misses_its_deadline() -> None:
    progressing = {
        "type": "Progressing",
        "status": "True",
        "reason": "ReplicaSetUpdated",
        "message": 'ReplicaSet "new" is progressing.',
        "lastUpdateTime": THEN,
        "lastTransitionTime": THEN,
    }
    late = deployment(conditions=[progressing])
    late["status"] |= {"replicas": 4, "updatedReplicas": 4}
    assert reasons(deployment_status(late, replica_set("new", 4, 0), [], NOW))["Progressing"] == (
        "False",
        "ProgressDeadlineExceeded",
    )
    moving = deployment_status(late, replica_set("new", 4, 1), [], NOW)
    assert reasons(moving)["Progressing"] == ("True", "ReplicaSetUpdated")
    assert deadline_left_s(late, moving, NOW_S) == 600


def test_times_change_only_with_the_condition() -> None:
    first = deployment_status(deployment(), replica_set("new", 4, 4), [], THEN)
    again = deployment_status({**deployment(), "status": first}, replica_set("new", 4, 4), [], NOW)
    assert again == first


def test_paused() -> None:
    status = deployment_status(deployment(paused=True), None, [replica_set("old", 4, 4)], NOW)
    assert reasons(status)["Progressing"] == ("Unknown", "DeploymentPaused")


def test_revision() -> None:
    assert revision_of({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "12"}}}) == 12
    assert revision_of({"metadata": {}}) == 0
