"""One container's life in a real sandbox: the corners that a pod's story does not show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mesh.kube.objects import Object
from orchestrator.kubelet.container_worker import ContainerWorker, Surroundings
from orchestrator.kubelet.containers import Container, Role
from orchestrator.kubelet.launcher import Launch
from orchestrator.runtimes.base import ContainerState

pytestmark = pytest.mark.timeout(60)
Shell = Callable[..., Object]
FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def status_of(pod: Object, name: str = "main") -> dict[str, Any]:
    found = pod["status"].get("containerStatuses") or []
    return next((entry for entry in found if entry["name"] == name), {})


async def test_early_questions_do_not_count_against_a_slow_start(node: Any, shell: Shell) -> None:
    """Three failures in three periods are allowed: the ones in between are only there to notice success soon."""
    probe = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 3}
    await node.create(shell("slow", f"sleep 1.2; touch /tmp/up; {FOREVER}", main={"startupProbe": probe}))

    async def started() -> Object | None:
        pod = await node.pod("slow")
        return pod if status_of(pod).get("started") else None

    pod = await node.until(started, "started")
    assert status_of(pod)["restartCount"] == 0


async def test_a_start_that_takes_too_long_is_given_up(node: Any, shell: Shell) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 2}
    await node.create(shell("never", FOREVER, main={"startupProbe": probe}))

    async def restarted() -> bool:
        return bool(status_of(await node.pod("never")).get("restartCount", 0) >= 1)

    await node.until(restarted, "restarted")
    assert "Startup probe failed" in await node.said("Unhealthy")


async def test_a_failing_start_hook_restarts_the_container(node: Any, shell: Shell) -> None:
    lifecycle = {"postStart": {"exec": {"command": ["false"]}}}
    await node.create(shell("hooked", FOREVER, main={"lifecycle": lifecycle}))
    assert "command exited with 1" in await node.said("FailedPostStartHook")

    async def restarted() -> bool:
        return bool(status_of(await node.pod("hooked")).get("restartCount", 0) >= 1)

    await node.until(restarted, "restarted")


class SlowLauncher:
    """A launcher whose start can be held up; everything else ends when it is told to."""

    def __init__(self) -> None:
        self.starting = asyncio.Event()
        self.release = asyncio.Event()
        self.signals: list[int] = []
        self._ended = asyncio.Event()

    async def start(self, launch: Launch) -> ContainerState:
        self.starting.set()
        await self.release.wait()
        return ContainerState("main", 0, True, 1.0)

    async def wait(self, name: str, attempt: int) -> ContainerState:
        await self._ended.wait()
        return ContainerState(name, attempt, False, 1.0, 2.0, 143, 15)

    async def signal(self, name: str, number: int) -> None:
        self.signals.append(int(number))
        self._ended.set()

    async def known(self) -> list[ContainerState]:
        return []


class NoEvents:
    def normal(self, *_: Any, **__: Any) -> None:
        """Nobody listens."""

    warning = normal


async def test_a_stop_in_the_middle_of_a_start_is_not_forgotten() -> None:
    launcher = SlowLauncher()
    pod = {"metadata": {"name": "p"}, "spec": {}}

    async def connect(port: int) -> Any:
        raise OSError

    around = Surroundings(
        pod=lambda: pod,
        launch=lambda container: None,  # type: ignore[arg-type,return-value]
        launcher=launcher,
        connect=connect,
        execute=None,  # type: ignore[arg-type]
        host="",
        events=NoEvents(),  # type: ignore[arg-type]
        changed=lambda: None,
    )
    worker = ContainerWorker(Container({"name": "main"}, Role.APP), around)
    running = asyncio.get_running_loop().create_task(worker.run())
    await launcher.starting.wait()
    await worker.stop(1.0)
    launcher.release.set()
    await asyncio.wait_for(running, 5)
    assert launcher.signals == [15]
    assert worker.container.finished
