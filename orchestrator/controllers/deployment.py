"""Deployment: rolls pods from one template to the next through ReplicaSets, and keeps the history to go back."""

from __future__ import annotations

import copy
import time
from datetime import UTC, datetime
from typing import Any

from mesh.kube.kinds import DEPLOYMENT, POD, REPLICA_SET
from mesh.kube.objects import (
    Key,
    Object,
    annotations_of,
    controller_of,
    deleting,
    key_of,
    name_of,
    namespace_of,
    uid_of,
)
from orchestrator.controllers.controller import Controller, Informers
from orchestrator.controllers.deployment_status import REVISION, deadline_left_s, deployment_status, revision_of
from orchestrator.controllers.owners import owned_by, owner_reference, selects, template_hash
from orchestrator.controllers.rollout import SetState, fence_posts, new_set_target, old_set_targets, proportional

HASH_LABEL = "pod-template-hash"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
HISTORY_LIMIT = 10
NOT_COPIED = ("kubectl.kubernetes.io/last-applied-configuration", REVISION, DESIRED, MAXIMUM)


def without_hash(template: Object) -> Object:
    """The template as its author wrote it, to compare a ReplicaSet's with the Deployment's."""
    plain = copy.deepcopy(template)
    labels = (plain.get("metadata") or {}).get("labels") or {}
    labels.pop(HASH_LABEL, None)
    return plain


def new_replica_set(deployment: Object, digest: str, revision: int) -> Object:
    template = copy.deepcopy(deployment["spec"]["template"])
    template.setdefault("metadata", {}).setdefault("labels", {})[HASH_LABEL] = digest
    selector = copy.deepcopy(deployment["spec"]["selector"])
    selector.setdefault("matchLabels", {})[HASH_LABEL] = digest
    annotations = {key: value for key, value in annotations_of(deployment).items() if key not in NOT_COPIED}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name_of(deployment)}-{digest}",
            "namespace": namespace_of(deployment),
            "labels": dict(template["metadata"]["labels"]),
            "annotations": {**annotations, REVISION: str(revision)},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "replicas": 0,
            "selector": selector,
            "template": template,
            "minReadySeconds": deployment["spec"].get("minReadySeconds") or 0,
        },
    }


def state_of(replica_set: Object) -> SetState:
    available = (replica_set.get("status") or {}).get("availableReplicas") or 0
    return SetState(name_of(replica_set), replica_set["spec"].get("replicas") or 0, available)


class DeploymentController(Controller):
    name = "deployment"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._deployments = informers.of(DEPLOYMENT)
        self._sets = informers.of(REPLICA_SET)
        self._deployments.add_handler(lambda old, new: self.queue.add(key_of(new or old or {})))
        self._pods = informers.of(POD)
        self._sets.add_handler(self._set_changed)
        self._pods.add_handler(self._pod_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        """A pod that is gone may be the last one that a Recreate waits for."""
        owner = controller_of(old or {})
        if new is None and old is not None and owner is not None and owner["kind"] == "ReplicaSet":
            replica_set = self._sets.store.get((namespace_of(old), owner["name"]))
            if replica_set is not None:
                self._set_changed(None, replica_set)

    def _set_changed(self, old: Object | None, new: Object | None) -> None:
        replica_set = new or old or {}
        owner = controller_of(replica_set)
        if owner is not None and owner["kind"] == "Deployment":
            self.queue.add((namespace_of(replica_set), owner["name"]))
        elif owner is None:
            for key, deployment in self._deployments.store.items():
                if selects(deployment, replica_set):
                    self.queue.add(key)

    async def reconcile(self, key: Key) -> None:
        deployment = self._deployments.store.get(key)
        if deployment is None:
            return
        sets = await self._claim(deployment)
        if deleting(deployment):
            return
        wanted_template = without_hash(deployment["spec"]["template"])
        new = next((rs for rs in sets if without_hash(rs["spec"]["template"]) == wanted_template), None)
        old = sorted((rs for rs in sets if rs is not new), key=revision_of)
        paused = bool(deployment["spec"].get("paused"))
        if not paused:
            new = await self._ensure_new(deployment, new, old)
        if new is not None:
            await self._scale(deployment, new, old, paused=paused)
        await self._forget_history(deployment, old)
        await self._report(deployment, new, old)

    async def _claim(self, deployment: Object) -> list[Object]:
        in_namespace = [rs for rs in self._sets.store.values() if namespace_of(rs) == namespace_of(deployment)]
        mine = owned_by(deployment, in_namespace)
        for orphan in in_namespace:
            if controller_of(orphan) is None and not deleting(orphan) and selects(deployment, orphan):
                owners = [*(orphan["metadata"].get("ownerReferences") or []), owner_reference(deployment)]
                patch = {"metadata": {"ownerReferences": owners}}
                mine.append(await self.client.patch(REPLICA_SET, name_of(orphan), patch, namespace_of(orphan)))
        return [rs for rs in mine if not deleting(rs)]

    async def _ensure_new(self, deployment: Object, new: Object | None, old: list[Object]) -> Object:
        """The ReplicaSet of the present template, made if missing, at the highest revision."""
        highest = max((revision_of(rs) for rs in old), default=0)
        if new is None:
            digest = template_hash(deployment["spec"]["template"])
            new = await self.client.create(
                REPLICA_SET, new_replica_set(deployment, digest, highest + 1), namespace_of(deployment)
            )
        elif revision_of(new) <= highest:  # a roll-back: the old set becomes the newest
            new = await self._patch_set(new, {"metadata": {"annotations": {REVISION: str(highest + 1)}}})
        if annotations_of(deployment).get(REVISION) != str(revision_of(new)):
            patch = {"metadata": {"annotations": {REVISION: str(revision_of(new))}}}
            await self.client.patch(DEPLOYMENT, name_of(deployment), patch, namespace_of(deployment))
        return new

    async def _scale(self, deployment: Object, new: Object, old: list[Object], *, paused: bool) -> None:
        spec = deployment["spec"]
        wanted = spec.get("replicas", 1)
        strategy = spec.get("strategy") or {}
        rolling = strategy.get("rollingUpdate") or {}
        recreate = strategy.get("type") == "Recreate"
        surge, unavailable = (
            (0, wanted) if recreate else fence_posts(rolling.get("maxSurge"), rolling.get("maxUnavailable"), wanted)
        )
        active = [rs for rs in old if rs["spec"].get("replicas") or (rs.get("status") or {}).get("replicas")]
        states = [state_of(rs) for rs in active]
        if recreate:
            waiting = any(state.replicas for state in states) or self._has_pods(old)
            targets = {
                **{state.name: 0 for state in states},
                name_of(new): state_of(new).replicas if waiting else wanted,
            }
        else:
            targets = old_set_targets(wanted, unavailable, state_of(new), states)
            targets[name_of(new)] = new_set_target(wanted, surge, state_of(new), states)
        scaled = annotations_of(new).get(DESIRED)
        rescaled = not recreate and (paused or scaled not in (None, str(wanted)))
        if rescaled and any(state.replicas for state in states):
            targets = proportional(wanted, [state_of(new), *states], wanted + surge)
        elif paused:
            targets = {name_of(new): wanted} if state_of(new).replicas else {}
        for replica_set in (*active, new):
            target = targets.get(name_of(replica_set), state_of(replica_set).replicas)
            await self._resize(replica_set, target, wanted, wanted + surge)

    def _has_pods(self, sets: list[Object]) -> bool:
        """Pods on their way out count: Recreate promises that two templates never run at once."""
        uids = {uid_of(replica_set) for replica_set in sets}
        return any(
            (controller_of(pod) or {}).get("uid") in uids
            and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
            for pod in self._pods.store.values()
        )

    async def _resize(self, replica_set: Object, target: int, wanted: int, most: int) -> None:
        noted = {DESIRED: str(wanted), MAXIMUM: str(most)}
        present = annotations_of(replica_set)
        patch: dict[str, Any] = {}
        if any(present.get(name) != value for name, value in noted.items()):
            patch["metadata"] = {"annotations": noted}
        if (replica_set["spec"].get("replicas") or 0) != target:
            patch["spec"] = {"replicas": target}
        if patch:
            await self._patch_set(replica_set, patch)

    async def _patch_set(self, replica_set: Object, patch: dict[str, Any]) -> Object:
        return await self.client.patch(REPLICA_SET, name_of(replica_set), patch, namespace_of(replica_set))

    async def _forget_history(self, deployment: Object, old: list[Object]) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", HISTORY_LIMIT)
        idle = [rs for rs in old if not rs["spec"].get("replicas") and not (rs.get("status") or {}).get("replicas")]
        for replica_set in idle[: max(len(idle) - limit, 0)]:
            await self.client.delete(REPLICA_SET, name_of(replica_set), namespace_of(replica_set))

    async def _report(self, deployment: Object, new: Object | None, old: list[Object]) -> None:
        now = time.time()
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = deployment_status(deployment, new, old, stamp)
        if status != deployment.get("status"):
            await self.client.update(DEPLOYMENT, {**deployment, "status": status}, subresource="status")
        left = deadline_left_s(deployment, status, now)
        if left is not None:
            self.queue.add_after(key_of(deployment), left)
