"""READY, STATUS and RESTARTS of pods."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.api.tables.pods import cells

READY = {"type": "Ready", "status": "True"}
RUN: dict[str, Any] = {"name": "a", "ready": True, "started": True, "state": {"running": {}}}
SIDECAR = {"name": "s", "restartPolicy": "Always"}


def waiting(reason: str) -> dict[str, Any]:
    return {"name": "a", "state": {"waiting": {"reason": reason}}}


def ended(name: str = "a", **state: Any) -> dict[str, Any]:
    return {"name": name, "state": {"terminated": state}}


def row(containers: int = 1, init: list[dict[str, Any]] | None = None, **status: Any) -> list[Any]:
    spec = {"containers": [{"name": n} for n in "abc"[:containers]], "initContainers": init or []}
    deleted = {"deletionTimestamp": "x"} if status.pop("deleted", False) else {}
    meta = {"name": "p", "creationTimestamp": "1970-01-01T00:00:00Z", **deleted}
    return cells({"metadata": meta, "spec": spec, "status": {"phase": "Running", **status}}, 100.0)


CASES: list[tuple[list[Any], list[str]]] = [
    (row(phase="Pending"), ["0/1", "Pending", "0"]),
    (row(containerStatuses=[RUN]), ["1/1", "Running", "0"]),
    (row(containerStatuses=[waiting("CrashLoopBackOff")]), ["0/1", "CrashLoopBackOff", "0"]),
    (row(containerStatuses=[ended(exitCode=1, reason="Error")]), ["0/1", "Error", "0"]),
    (row(containerStatuses=[ended(exitCode=3)]), ["0/1", "ExitCode:3", "0"]),
    (row(containerStatuses=[ended(exitCode=137, signal=9)]), ["0/1", "Signal:9", "0"]),
    (row(2, containerStatuses=[ended(reason="Completed"), {**RUN, "name": "b"}]), ["1/2", "NotReady", "0"]),
    (
        row(2, containerStatuses=[ended(reason="Completed"), {**RUN, "name": "b"}], conditions=[READY]),
        ["1/2", "Running", "0"],
    ),
    (row(deleted=True, containerStatuses=[RUN]), ["1/1", "Terminating", "0"]),
    (row(deleted=True, phase="Succeeded", containerStatuses=[ended(reason="Completed")]), ["0/1", "Completed", "0"]),
    (row(reason="Evicted", phase="Failed"), ["0/1", "Evicted", "0"]),
    (row(init=[{"name": "i"}], initContainerStatuses=[waiting("PodInitializing")]), ["0/1", "Init:0/1", "0"]),
    (row(init=[{"name": "i"}], initContainerStatuses=[waiting("ErrImagePull")]), ["0/1", "Init:ErrImagePull", "0"]),
    (row(init=[{"name": "i"}], initContainerStatuses=[ended("i", exitCode=1)]), ["0/1", "Init:ExitCode:1", "0"]),
    (
        row(init=[{"name": "i"}], initContainerStatuses=[ended("i", exitCode=0)], containerStatuses=[RUN]),
        ["1/1", "Running", "0"],
    ),
    (
        row(init=[SIDECAR], initContainerStatuses=[{**RUN, "name": "s"}], containerStatuses=[RUN]),
        ["2/2", "Running", "0"],
    ),
    (row(init=[SIDECAR], initContainerStatuses=[{**RUN, "name": "s", "started": False}]), ["0/2", "Init:0/1", "0"]),
    (row(conditions=[{"type": "PodScheduled", "reason": "SchedulingGated"}]), ["0/1", "SchedulingGated", "0"]),
    (
        row(
            containerStatuses=[
                {**RUN, "restartCount": 3, "lastState": {"terminated": {"finishedAt": "1970-01-01T00:00:40Z"}}}
            ]
        ),
        ["1/1", "Running", "3 (60s ago)"],
    ),
]


@pytest.mark.parametrize(("found", "expected"), CASES, ids=[str(index) for index in range(len(CASES))])
def test_summary(found: list[Any], expected: list[str]) -> None:
    assert found[1:4] == expected


def test_wide() -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"nodeName": "n", "readinessGates": [{"conditionType": "x"}]}}
    assert cells({**pod, "status": {"podIPs": [{"ip": "10.244.0.1"}]}}, 0.0)[5:] == ["10.244.0.1", "n", "<none>", "0/1"]
