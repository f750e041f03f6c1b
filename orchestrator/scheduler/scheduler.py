"""Binds pods that have no node to this one, or says in a condition and an event why it cannot."""

from __future__ import annotations

from datetime import UTC, datetime

from mesh.kube.kinds import NODE, POD
from mesh.kube.objects import Key, Object, deleting, key_of, labels_of, name_of, namespace_of
from orchestrator.controllers.controller import Controller, Informers
from orchestrator.controllers.pods import condition
from orchestrator.events import EventRecorder
from orchestrator.scheduler.fit import misfits

SCHEDULER_NAME = "default-scheduler"
RETRY_S = 30.0


def unscheduled(pod: Object) -> bool:
    spec = pod.get("spec") or {}
    return (
        not spec.get("nodeName")
        and not deleting(pod)
        and spec.get("schedulerName", SCHEDULER_NAME) == SCHEDULER_NAME
        and not spec.get("schedulingGates")
    )


def _decisive(node: Object) -> object:
    """What of a node a decision depends on; its status changes all the time."""
    return node.get("spec"), labels_of(node)


class Scheduler(Controller):
    name = "scheduler"

    def __init__(self, informers: Informers, node_name: str) -> None:
        super().__init__(informers)
        self._node_name = node_name
        self._events = EventRecorder(informers.client, SCHEDULER_NAME, node_name)
        self._pods = informers.of(POD)
        self._nodes = informers.of(NODE)
        self._pods.add_handler(self._pod_changed)
        self._nodes.add_handler(self._node_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and unscheduled(new):
            self.queue.add(key_of(new))

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and _decisive(old) == _decisive(new):
            return
        for key, pod in self._pods.store.items():
            if unscheduled(pod):
                self.queue.add(key)

    async def reconcile(self, key: Key) -> None:
        pod = self._pods.store.get(key)
        node = self._nodes.store.get(("", self._node_name))
        if pod is None or not unscheduled(pod):
            return
        if node is None:
            self.queue.add_after(key, 0.1)  # it registers itself at start
            return
        reasons = misfits(pod, node)
        if reasons:
            await self._cannot(pod, reasons)
            return
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name_of(pod), "namespace": namespace_of(pod)},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self._node_name},
        }
        await self.client.create(POD, binding, namespace_of(pod), name=name_of(pod), subresource="binding")
        message = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {self._node_name}"
        self._events.normal(pod, "Scheduled", message)

    async def _cannot(self, pod: Object, reasons: list[str]) -> None:
        message = f"0/1 nodes are available: 1 {', 1 '.join(reasons)}."
        before = condition(pod, "PodScheduled")
        self.queue.add_after(key_of(pod), RETRY_S)
        if before.get("message") == message:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        scheduled = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": before.get("lastTransitionTime") or now,
        }
        others = [
            found for found in (pod.get("status") or {}).get("conditions") or [] if found["type"] != "PodScheduled"
        ]
        status = {**(pod.get("status") or {}), "phase": "Pending", "conditions": [*others, scheduled]}
        await self.client.update(POD, {**pod, "status": status}, subresource="status")
        self._events.warning(pod, "FailedScheduling", message)
