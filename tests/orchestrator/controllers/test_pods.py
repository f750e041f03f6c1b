"""What controllers read from a pod."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.controllers.pods import (
    available_at,
    condition,
    deletion_order,
    is_active,
    is_available,
    is_ready,
    parse_time,
)

SINCE = "2024-01-01T00:00:00Z"
SINCE_S = 1704067200.0


def pod(
    name: str = "p", *, ready: bool = True, phase: str = "Running", node: str = "n", created: str = SINCE, **meta: Any
) -> dict[str, Any]:
    ready_condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": SINCE}
    return {
        "metadata": {"name": name, "creationTimestamp": created, **meta},
        "spec": {"nodeName": node},
        "status": {"phase": phase, "conditions": [ready_condition]},
    }


def test_conditions() -> None:
    assert condition(pod(), "Ready")["status"] == "True"
    assert condition(pod(), "Other") == {}
    assert condition({}, "Ready") == {}
    assert is_ready(pod())
    assert not is_ready(pod(ready=False))


@pytest.mark.parametrize(
    ("candidate", "active"),
    [
        (pod(), True),
        (pod(phase="Pending"), True),
        (pod(phase="Succeeded"), False),
        (pod(phase="Failed"), False),
        (pod(deletionTimestamp=SINCE), False),
    ],
)
def test_active(candidate: dict[str, Any], active: bool) -> None:
    assert is_active(candidate) == active


def test_available_after_min_ready_seconds() -> None:
    assert available_at(pod(), 0) == 0
    assert available_at(pod(), 10) == SINCE_S + 10
    assert is_available(pod(), 10, SINCE_S + 10)
    assert not is_available(pod(), 10, SINCE_S + 9)
    assert not is_available(pod(ready=False), 0, SINCE_S)


def test_times() -> None:
    assert parse_time(SINCE) == SINCE_S
    assert parse_time("2024-01-01T00:00:00.500000Z") == SINCE_S + 0.5
    assert parse_time(None) == 0


def test_who_goes_first_when_there_are_too_many() -> None:
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-5"}
    ordered = [
        pod("unassigned", node="", phase="Pending", ready=False),
        pod("pending", phase="Pending", ready=False),
        pod("unready", ready=False),
        pod("cheap", annotations=cost),
        pod("newer", created="2024-01-02T00:00:00Z"),
        pod("older"),
    ]
    shuffled = [*ordered[3:], *ordered[:3]]
    assert sorted(shuffled, key=deletion_order) == ordered
