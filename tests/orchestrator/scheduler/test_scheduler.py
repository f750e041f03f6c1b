"""Binding against the real API: at once, not at all with the reason, and later when the node changes."""

from __future__ import annotations

from typing import Any

from mesh.kube.kinds import EVENT, NODE, POD
from mesh.kube.objects import Object
from orchestrator.controllers.node import NodeRegistration
from orchestrator.controllers.pods import condition
from orchestrator.scheduler.scheduler import Scheduler, unscheduled


def pod(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": "web:1"}], **spec},
    }


def test_unscheduled() -> None:
    assert unscheduled(pod("a"))
    assert not unscheduled(pod("a", nodeName="n"))
    assert not unscheduled(pod("a", schedulerName="another"))
    assert not unscheduled(pod("a", schedulingGates=[{"name": "g"}]))


async def start(cluster: Any) -> None:
    await NodeRegistration(cluster.client, "mesh", "10.244.0.0/16").register()
    await cluster.run(lambda informers: Scheduler(informers, "mesh"))


async def test_binds(cluster: Any) -> None:
    await start(cluster)
    await cluster.client.create(POD, pod("one"), "default")

    async def bound() -> bool:
        found = await cluster.get(POD, "one")
        return found["spec"].get("nodeName") == "mesh" and condition(found, "PodScheduled").get("status") == "True"

    await cluster.until(bound, "bound")

    async def told() -> bool:
        return any(
            event["reason"] == "Scheduled" and event["involvedObject"]["name"] == "one"
            for event in await cluster.items(EVENT)
        )

    await cluster.until(told, "an event")


async def test_says_why_not_and_tries_again_when_the_node_changes(cluster: Any) -> None:
    await start(cluster)
    await cluster.client.create(POD, pod("picky", nodeSelector={"disk": "ssd"}), "default")

    async def refused() -> bool:
        return condition(await cluster.get(POD, "picky"), "PodScheduled").get("reason") == "Unschedulable"

    await cluster.until(refused, "refused")
    found = await cluster.get(POD, "picky")
    assert "0/1 nodes are available" in condition(found, "PodScheduled")["message"]
    assert found["status"]["phase"] == "Pending"
    await cluster.client.patch(NODE, "mesh", {"metadata": {"labels": {"disk": "ssd"}}})

    async def bound() -> bool:
        return (await cluster.get(POD, "picky"))["spec"].get("nodeName") == "mesh"

    await cluster.until(bound, "bound when the label came")
