"""ReplicaSet: as many pods of one template as it says. Adopts orphans that match, releases pods that no longer do."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import Any

from mesh.kube.kinds import POD, REPLICA_SET
from mesh.kube.objects import Key, Object, controller_of, deleting, key_of, name_of, namespace_of, uid_of
from orchestrator.controllers.controller import Controller, Informers
from orchestrator.controllers.owners import owned_by, owner_reference, selects
from orchestrator.controllers.pods import available_at, deletion_order, is_active, is_available, is_ready

BURST_MAX = 500
"""Pods created or deleted in one go (kube-controller-manager's BurstReplicas)."""
EXPECTATION_S = 30.0
"""How long a pod that was created is waited for; it may have come and gone before we looked."""


@dataclass(frozen=True, slots=True)
class Plan:
    create: int
    delete: tuple[Object, ...]


def plan(wanted: int, active: list[Object]) -> Plan:
    """What to create and delete so that `wanted` pods are active."""
    difference = wanted - len(active)
    if difference >= 0:
        return Plan(min(difference, BURST_MAX), ())
    return Plan(0, tuple(sorted(active, key=deletion_order)[: min(-difference, BURST_MAX)]))


def new_pod(owner: Object) -> Object:
    template = copy.deepcopy(owner["spec"].get("template") or {})
    meta: dict[str, Any] = template.get("metadata") or {}
    meta = {key: meta[key] for key in ("labels", "annotations", "finalizers") if meta.get(key)}
    meta["generateName"] = f"{name_of(owner)}-"
    meta["namespace"] = namespace_of(owner)
    meta["ownerReferences"] = [owner_reference(owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template.get("spec") or {}}


def status_of(owner: Object, active: list[Object], now: float) -> dict[str, Any]:
    template_labels = (((owner["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}).items()
    min_ready_s = owner["spec"].get("minReadySeconds") or 0
    status: dict[str, Any] = {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(
            1 for pod in active if template_labels <= (pod["metadata"].get("labels") or {}).items()
        ),
        "readyReplicas": sum(map(is_ready, active)),
        "availableReplicas": sum(1 for pod in active if is_available(pod, min_ready_s, now)),
        "observedGeneration": owner["metadata"].get("generation", 1),
    }
    return {name: value for name, value in status.items() if value or name == "replicas"}


class ReplicaSetController(Controller):
    name = "replicaset"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._sets = informers.of(REPLICA_SET)
        self._pods = informers.of(POD)
        # Pods whose creation or deletion the informer has not shown yet: counting without them would repeat it.
        self._created: dict[Key, dict[str, float]] = {}
        self._deleted: set[str] = set()
        self._sets.add_handler(lambda old, new: self.queue.add(key_of(new or old or {})))
        self._pods.add_handler(self._pod_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new or old or {}
        if new is None or deleting(new):
            self._deleted.discard(uid_of(pod))
        owner = controller_of(pod)
        if owner is None:
            for key, candidate in self._sets.store.items():
                if selects(candidate, pod):
                    self.queue.add(key)
        elif owner["kind"] == "ReplicaSet":
            key = (namespace_of(pod), owner["name"])
            self._created.get(key, {}).pop(uid_of(pod), None)
            self.queue.add(key)

    async def reconcile(self, key: Key) -> None:
        owner = self._sets.store.get(key)
        if owner is None:
            self._created.pop(key, None)
            return
        if self._expects(key):
            return  # the informer will bring them, and us back
        mine = [pod for pod in await self._claim(owner) if uid_of(pod) not in self._deleted]
        active = [pod for pod in mine if is_active(pod)]
        if not deleting(owner):
            await self._act(owner, plan(owner["spec"].get("replicas", 1), active))
        await self._report(owner, active)

    def _expects(self, key: Key) -> bool:
        now = time.monotonic()
        waiting = {uid: at for uid, at in self._created.pop(key, {}).items() if now - at < EXPECTATION_S}
        if waiting:
            self._created[key] = waiting
            self.queue.add_after(key, min(waiting.values()) + EXPECTATION_S - now)
        return bool(waiting)

    async def _claim(self, owner: Object) -> list[Object]:
        """Its pods, after adopting matching orphans and letting go of pods that no longer match."""
        in_namespace = [pod for pod in self._pods.store.values() if namespace_of(pod) == namespace_of(owner)]
        mine = []
        for pod in owned_by(owner, in_namespace):
            if selects(owner, pod) or deleting(pod):
                mine.append(pod)
            else:
                await self._set_owners(pod, [])
        if deleting(owner):
            return mine
        for pod in in_namespace:
            if controller_of(pod) is None and is_active(pod) and selects(owner, pod):
                others = pod["metadata"].get("ownerReferences") or []
                mine.append(await self._set_owners(pod, [*others, owner_reference(owner)]))
        return mine

    async def _set_owners(self, pod: Object, owners: list[dict[str, Any]]) -> Object:
        patch = {"metadata": {"ownerReferences": owners, "uid": uid_of(pod)}}
        return await self.client.patch(POD, name_of(pod), patch, namespace_of(pod))

    async def _act(self, owner: Object, todo: Plan) -> None:
        key = key_of(owner)
        for _ in range(todo.create):
            pod = await self.client.create(POD, new_pod(owner), namespace_of(owner))
            if key_of(pod) not in self._pods.store:
                self._created.setdefault(key, {})[uid_of(pod)] = time.monotonic()
        for pod in todo.delete:
            self._deleted.add(uid_of(pod))
            try:
                await self.client.delete(POD, name_of(pod), namespace_of(pod), uid=uid_of(pod))
            except BaseException:
                self._deleted.discard(uid_of(pod))
                raise

    async def _report(self, owner: Object, active: list[Object]) -> None:
        now = time.time()
        min_ready_s = owner["spec"].get("minReadySeconds") or 0
        status = status_of(owner, active, now)
        if status != owner.get("status"):
            await self.client.update(REPLICA_SET, {**owner, "status": status}, subresource="status")
        later = [at for pod in active if is_ready(pod) and (at := available_at(pod, min_ready_s)) > now]
        if later:
            self.queue.add_after(key_of(owner), min(later) - now)
