"""Containers as the pod's status shows them, and when they are to run again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.kubelet.containers import Container, Role, containers_of, restart_wanted, timestamp
from orchestrator.runtimes.base import ContainerState

RUN = ContainerState("main", 0, True, started_at=1704067200.0)
ENDED = replace(RUN, running=False, finished_at=1704067260.0)


def container(role: Role = Role.APP, **more: Any) -> Container:
    return Container({"name": "main", "image": "web:1"}, role, **more)


@pytest.mark.parametrize(
    ("role", "policy", "code", "again"),
    [
        (Role.APP, "Always", 0, True),
        (Role.APP, "OnFailure", 0, False),
        (Role.APP, "OnFailure", 1, True),
        (Role.APP, "Never", 1, False),
        (Role.INIT, "Always", 0, False),
        (Role.INIT, "Always", 1, True),
        (Role.INIT, "Never", 1, False),
        (Role.SIDECAR, "Never", 0, True),
    ],
)
def test_restarts(role: Role, policy: str, code: int, again: bool) -> None:
    assert restart_wanted(container(role, run=replace(ENDED, exit_code=code), waiting=None), policy) == again


def test_order_and_roles() -> None:
    found = containers_of(
        {
            "initContainers": [{"name": "setup"}, {"name": "proxy", "restartPolicy": "Always"}],
            "containers": [{"name": "app"}],
        }
    )
    assert [(c.name, c.role) for c in found] == [("setup", Role.INIT), ("proxy", Role.SIDECAR), ("app", Role.APP)]
    assert [c.waiting for c in found] == [("ContainerCreating", ""), ("PodInitializing", ""), ("PodInitializing", "")]


def test_status_while_it_runs() -> None:
    status = container(run=RUN, waiting=None, ready=True, started=True).status("uid")
    assert status["state"] == {"running": {"startedAt": timestamp(RUN.started_at)}}
    assert (status["ready"], status["started"], status["restartCount"], status["lastState"]) == (True, True, 0, {})


def test_status_of_a_crash_loop() -> None:
    crashed = replace(ENDED, exit_code=137, signal=9)
    status = container(run=crashed, waiting=("CrashLoopBackOff", "back-off 10s"), attempt=1).status("uid")
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    last = status["lastState"]["terminated"]
    assert (last["exitCode"], last["signal"], last["reason"]) == (137, 9, "Error")
    assert status["restartCount"] == 1


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (ENDED, "Completed"),
        (replace(ENDED, exit_code=1), "Error"),
        (replace(ENDED, exit_code=137, oom_killed=True), "OOMKilled"),
    ],
)
def test_status_of_an_end(run: ContainerState, reason: str) -> None:
    found = container(run=run, waiting=None)
    assert found.finished
    assert found.succeeded == (run.exit_code == 0)
    assert found.status("uid")["state"]["terminated"]["reason"] == reason
