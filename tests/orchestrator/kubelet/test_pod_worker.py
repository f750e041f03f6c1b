"""A pod's life as a whole: the order of its end, and a sandbox that dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mesh.kube.kinds import POD
from mesh.kube.objects import Object
from orchestrator.controllers.pods import condition
from orchestrator.kubelet.pod_worker import is_over

pytestmark = pytest.mark.timeout(60)
Shell = Callable[..., Object]


def test_over() -> None:
    assert is_over({"status": {"phase": "Succeeded"}})
    assert not is_over({"status": {"phase": "Running"}})
    assert not is_over({})


async def test_sidecars_end_last_and_in_reverse_order(node: Any, shell: Shell, tmp_path: Any) -> None:
    def script(name: str) -> str:
        return f"trap 'echo {name} >> /shared/order; exit 0' TERM; touch /shared/{name}; while :; do sleep 0.05; done"

    shared = tmp_path / "shared"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    sidecars = [
        {"name": name, "image": "shell", "args": [script(name)], "volumeMounts": mounts, "restartPolicy": "Always"}
        for name in ("one", "two")
    ]
    volumes = [{"name": "shared", "hostPath": {"path": str(shared)}}]
    await node.create(
        shell("order", script("main"), main={"volumeMounts": mounts}, initContainers=sidecars, volumes=volumes)
    )

    async def all_up() -> bool:
        return all((shared / name).exists() for name in ("one", "two", "main"))

    await node.until(all_up, "three containers with their traps set")
    await node.client.delete(POD, "order", "default")
    await node.gone("order")
    assert (shared / "order").read_text().split() == ["main", "two", "one"]


async def test_a_sandbox_that_dies_is_made_again(node: Any, shell: Shell) -> None:
    await node.create(shell("phoenix", "echo up; while :; do sleep 0.1; done"))
    before = await node.phase("phoenix", "Running")
    worker = next(iter(node.kubelet._workers.values()))
    worker.sandbox.identity.kill()

    async def again() -> bool:
        pod = await node.pod("phoenix")
        (found,) = pod["status"]["containerStatuses"]
        return found["restartCount"] == 1 and "running" in found["state"]

    await node.until(again, "the container runs again")
    after = await node.pod("phoenix")
    assert after["status"]["podIP"] == before["status"]["podIP"]
    await node.said("SandboxChanged")


async def test_conditions_of_a_running_pod(node: Any, shell: Shell) -> None:
    await node.create(shell("fine", "while :; do sleep 0.1; done"))

    async def ready() -> Object | None:
        pod = await node.pod("fine")
        return pod if condition(pod, "Ready").get("status") == "True" else None

    pod = await node.until(ready, "ready")
    names = ("PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
    assert [condition(pod, name)["status"] for name in names] == ["True"] * 5
    assert pod["status"]["hostIP"] == "127.0.0.1"
    assert pod["status"]["podIP"].startswith("10.244.")
    assert pod["status"]["qosClass"] == "BestEffort"
