"""Deployments against the real API: revisions, rolling updates within their bounds, Recreate, history, roll-back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mesh.kube.kinds import DEPLOYMENT, POD, REPLICA_SET
from mesh.kube.objects import Object, annotations_of, deleting, labels_of, name_of, uid_of
from orchestrator.controllers.deployment import (
    HASH_LABEL,
    DeploymentController,
    new_replica_set,
    state_of,
    without_hash,
)
from orchestrator.controllers.deployment_status import REVISION, revision_of
from orchestrator.controllers.pods import condition, is_ready
from orchestrator.controllers.replicaset import ReplicaSetController
from orchestrator.controllers.rollout import SetState

Make = Callable[..., Object]


def image_of(obj: Object) -> str:
    spec = obj["spec"].get("template", obj)["spec"]
    return str(spec["containers"][0]["image"])


def test_a_replica_set_is_named_after_its_template(deployment: Make) -> None:
    made = new_replica_set({**deployment(), "apiVersion": "apps/v1"}, "abc", 3)
    assert name_of(made) == "web-abc"
    assert made["spec"]["selector"]["matchLabels"] == {"app": "web", HASH_LABEL: "abc"}
    assert labels_of(made["spec"]["template"]) == {"app": "web", HASH_LABEL: "abc"}
    assert annotations_of(made)[REVISION] == "3"
    assert without_hash(made["spec"]["template"]) == deployment()["spec"]["template"]


def test_state_of() -> None:
    assert state_of({"metadata": {"name": "a"}, "spec": {"replicas": 2}}) == SetState("a", 2, 0)


class Rollouts:
    """The controllers under test and a hand that makes pods ready."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster

    async def start(self) -> None:
        await self.cluster.run(DeploymentController, ReplicaSetController)

    async def create(self, obj: Object) -> Object:
        made: Object = await self.cluster.client.create(DEPLOYMENT, obj, "default")
        return made

    async def set_image(self, image: str) -> None:
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
        await self.cluster.client.patch(DEPLOYMENT, "web", patch, "default", patch_type="strategic")

    async def step(self) -> tuple[int, int]:
        """Make one pod ready and confirm deletions; (pods, ready pods) before that."""
        pods = await self.cluster.items(POD)
        alive = [pod for pod in pods if not deleting(pod)]
        counts = len(alive), len([pod for pod in alive if is_ready(pod)])
        for pod in pods:
            if deleting(pod):
                await self.cluster.finish(pod)
        for pod in alive:
            if not is_ready(pod):
                await self.cluster.set_pod(pod, ready=True)
                break
        return counts

    async def finished(self, image: str, replicas: int) -> bool:
        await self.step()
        found = await self.cluster.get(DEPLOYMENT, "web")
        pods = await self.cluster.items(POD)
        status = found.get("status") or {}
        return (
            status.get("observedGeneration") == found["metadata"]["generation"]
            and condition(found, "Progressing").get("reason") == "NewReplicaSetAvailable"
            and status.get("availableReplicas", 0) == status.get("replicas", 0) == replicas
            and {image_of(pod) for pod in pods} == {image}
        )


async def test_a_rolling_update_stays_within_its_bounds(cluster: Any, deployment: Make) -> None:
    rollouts = Rollouts(cluster)
    await rollouts.start()
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    await rollouts.create(deployment(replicas=4, strategy=rolling))
    await cluster.until(lambda: rollouts.finished("web:1", 4), "first rollout")
    await rollouts.set_image("web:2")
    seen: list[tuple[int, int]] = []

    async def watched() -> bool:
        seen.append(await rollouts.step())
        return await rollouts.finished("web:2", 4)

    await cluster.until(watched, "second rollout")
    assert max(pods for pods, _ in seen) <= 5
    assert min(ready for _, ready in seen) >= 3
    sets = await cluster.items(REPLICA_SET)
    assert {image_of(rs): (revision_of(rs), rs["spec"]["replicas"]) for rs in sets} == {
        "web:1": (1, 0),
        "web:2": (2, 4),
    }
    assert revision_of(await cluster.get(DEPLOYMENT, "web")) == 2


async def test_a_roll_back_reuses_the_old_set(cluster: Any, deployment: Make) -> None:
    rollouts = Rollouts(cluster)
    await rollouts.start()
    await rollouts.create(deployment(replicas=1))
    for image in ("web:1", "web:2", "web:1"):
        await rollouts.set_image(image)
        await cluster.until(lambda image=image: rollouts.finished(image, 1), f"rollout of {image}")
    sets = await cluster.items(REPLICA_SET)
    assert {image_of(rs): revision_of(rs) for rs in sets} == {"web:1": 3, "web:2": 2}


async def test_recreate_never_runs_two_templates_at_once(cluster: Any, deployment: Make) -> None:
    rollouts = Rollouts(cluster)
    await rollouts.start()
    await rollouts.create(deployment(replicas=2, strategy={"type": "Recreate"}))
    await cluster.until(lambda: rollouts.finished("web:1", 2), "first rollout")
    await rollouts.set_image("web:2")

    async def all_ending() -> bool:
        pods = await cluster.items(POD)
        return bool(pods) and all(deleting(pod) for pod in pods)

    await cluster.until(all_ending, "old pods told to end, nothing new")
    first, *rest = await cluster.items(POD)
    await cluster.finish(first)
    assert {image_of(pod) for pod in await cluster.items(POD)} == {"web:1"}
    for pod in rest:
        await cluster.finish(pod)
    await cluster.until(lambda: rollouts.finished("web:2", 2), "second rollout")


async def test_history_is_limited(cluster: Any, deployment: Make) -> None:
    rollouts = Rollouts(cluster)
    await rollouts.start()
    await rollouts.create(deployment(revisionHistoryLimit=1))
    for number in range(1, 5):
        await rollouts.set_image(f"web:{number}")
        await cluster.until(lambda number=number: rollouts.finished(f"web:{number}", 1), f"rollout {number}")

    async def images() -> bool:
        return {image_of(rs) for rs in await cluster.items(REPLICA_SET)} == {"web:3", "web:4"}

    await cluster.until(images, "one old set is left")


async def test_a_paused_deployment_scales_but_does_not_roll(cluster: Any, deployment: Make) -> None:
    rollouts = Rollouts(cluster)
    await rollouts.start()
    await rollouts.create(deployment(replicas=1))
    await cluster.until(lambda: rollouts.finished("web:1", 1), "first rollout")
    (before,) = await cluster.items(REPLICA_SET)
    await cluster.client.patch(DEPLOYMENT, "web", {"spec": {"paused": True}}, "default")
    await rollouts.set_image("web:2")

    async def observed() -> bool:
        found = await cluster.get(DEPLOYMENT, "web")
        return found["status"]["observedGeneration"] == found["metadata"]["generation"]

    await cluster.until(observed, "seen")
    assert [uid_of(rs) for rs in await cluster.items(REPLICA_SET)] == [uid_of(before)]
    await cluster.client.patch(DEPLOYMENT, "web", {"spec": {"paused": False}}, "default")
    await cluster.until(lambda: rollouts.finished("web:2", 1), "rolls after all")


async def test_a_deployment_scales_to_zero_and_back(cluster: Any, deployment: Make) -> None:
    rollouts = Rollouts(cluster)
    await rollouts.start()
    await rollouts.create(deployment(replicas=2))
    await cluster.until(lambda: rollouts.finished("web:1", 2), "first rollout")
    await cluster.client.patch(DEPLOYMENT, "web", {"spec": {"replicas": 0}}, "default", subresource="scale")

    async def empty() -> bool:
        await rollouts.step()
        return not await cluster.items(POD)

    await cluster.until(empty, "no pods")
    await cluster.client.patch(DEPLOYMENT, "web", {"spec": {"replicas": 1}}, "default", subresource="scale")
    await cluster.until(lambda: rollouts.finished("web:1", 1), "one pod again")
