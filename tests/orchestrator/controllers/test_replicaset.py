"""ReplicaSets: the plan as a table, the controller against the real API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mesh.kube.kinds import POD, REPLICA_SET
from mesh.kube.objects import Object, controller_of, deleting, name_of, uid_of
from orchestrator.controllers.replicaset import BURST_MAX, ReplicaSetController, new_pod, plan, status_of


def replica_set(replicas: int = 2, name: str = "web") -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "default", "uid": "u", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": "web:1"}]},
            },
        },
    }


def loose_pod(name: str, **labels: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "web:1"}]},
    }


@pytest.mark.parametrize(
    ("wanted", "have", "create", "delete"),
    [(2, 0, 2, 0), (2, 2, 0, 0), (0, 3, 0, 3), (1, 3, 0, 2), (10_000, 0, BURST_MAX, 0)],
)
def test_plan(wanted: int, have: int, create: int, delete: int) -> None:
    active = [{"metadata": {"name": str(index)}} for index in range(have)]
    todo = plan(wanted, active)
    assert (todo.create, len(todo.delete)) == (create, delete)


def test_new_pod_takes_the_template() -> None:
    pod = new_pod(replica_set())
    assert pod["metadata"]["generateName"] == "web-"
    assert pod["metadata"]["labels"] == {"app": "web"}
    assert pod["spec"]["containers"][0]["image"] == "web:1"


def test_status_counts() -> None:
    ready: dict[str, Any] = {"type": "Ready", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"}
    pods = [
        {"metadata": {"labels": {"app": "web"}}, "status": {"conditions": [ready]}},
        {"metadata": {"labels": {}}, "status": {}},
    ]
    assert status_of(replica_set(), pods, 2e9) == {
        "replicas": 2,
        "fullyLabeledReplicas": 1,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "observedGeneration": 1,
    }
    assert status_of(replica_set(), [], 0) == {"replicas": 0, "observedGeneration": 1}


async def test_pods_are_made_replaced_and_removed(cluster: Any) -> None:
    await cluster.run(ReplicaSetController)
    await cluster.client.create(REPLICA_SET, replica_set(3), "default")

    async def pods(count: int) -> list[Object]:
        found = [pod for pod in await cluster.items(POD) if not deleting(pod)]
        return found if len(found) == count else []

    first = await cluster.until(lambda: pods(3), "three pods")
    await cluster.finish(first[0])
    second = await cluster.until(lambda: pods(3), "a pod is replaced")
    assert uid_of(first[0]) not in {uid_of(pod) for pod in second}
    await cluster.set_pod(second[0], ready=True)
    await cluster.client.patch(REPLICA_SET, "web", {"spec": {"replicas": 1}}, "default")
    (kept,) = await cluster.until(lambda: pods(1), "scaled down")
    assert uid_of(kept) == uid_of(second[0])  # the ready one stays


async def test_never_more_pods_than_asked_for(cluster: Any) -> None:
    await cluster.run(ReplicaSetController)
    await cluster.client.create(REPLICA_SET, replica_set(5), "default")
    for number in range(20):  # events that tempt it to count again before it has seen its own pods
        await cluster.client.patch(REPLICA_SET, "web", {"metadata": {"annotations": {"n": str(number)}}}, "default")
        await asyncio.sleep(0)

    async def counted() -> bool:
        found = await cluster.get(REPLICA_SET, "web")
        return found["status"].get("replicas") == 5

    await cluster.until(counted, "five pods counted")
    assert len(await cluster.items(POD)) == 5


async def test_orphans_are_adopted_and_strangers_released(cluster: Any) -> None:
    await cluster.client.create(POD, loose_pod("orphan", app="web"), "default")
    await cluster.run(ReplicaSetController)
    made = await cluster.client.create(REPLICA_SET, replica_set(2), "default")

    async def owned() -> list[Object]:
        found = [p for p in await cluster.items(POD) if (controller_of(p) or {}).get("uid") == uid_of(made)]
        return found if len(found) == 2 else []

    assert "orphan" in {name_of(pod) for pod in await cluster.until(owned, "orphan adopted, one made")}
    await cluster.client.patch(POD, "orphan", {"metadata": {"labels": {"app": "debug"}}}, "default")

    async def released() -> bool:
        orphan = await cluster.get(POD, "orphan")
        return controller_of(orphan) is None

    await cluster.until(released, "released")
    found = await cluster.until(owned, "and replaced")
    assert "orphan" not in {name_of(pod) for pod in found}
