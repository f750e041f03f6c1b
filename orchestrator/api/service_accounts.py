"""Admission of pods: every pod runs as a ServiceAccount and finds its token, authority and namespace mounted."""

from __future__ import annotations

import random
from typing import Any

from mesh.kube.objects import Object
from orchestrator.api.call import Call
from orchestrator.api.errors import forbidden
from orchestrator.api.kinds.pod_defaults import containers_of
from orchestrator.api.names import generated
from orchestrator.api.seed import ROOT_CONFIG_MAP
from orchestrator.api.tokens import SERVICE_ACCOUNTS
from orchestrator.store.base import Store, StoreKey

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_EXPIRATION_S = 3607
"""Kubernetes' own number: the odd seconds tell this token from one that a manifest asked for."""
VOLUME_PREFIX = "kube-api-access-"


class ServiceAccountPlugin:
    def __init__(self, store: Store, rng: random.Random | None = None) -> None:
        self._store = store
        self._rng = rng or random.Random()

    async def mutate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> Object | None:
        if operation != "CREATE" or call.kind.plural != "pods" or call.subresource or obj is None:
            return obj
        spec = obj["spec"]
        name = spec.get("serviceAccountName") or "default"
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        record = await self._store.get(StoreKey(SERVICE_ACCOUNTS, call.namespace, name))
        if record is None and name != "default":
            pod = obj["metadata"].get("name") or ""
            missing = f'error looking up service account {call.namespace}/{name}: serviceaccount "{name}" not found'
            raise forbidden(call.kind, pod, missing)
        account = record.object() if record else {}
        wanted = spec.get("automountServiceAccountToken")
        if wanted is None:
            wanted = account.get("automountServiceAccountToken")
        if wanted is not False:
            self._mount(spec)
        return obj

    def _mount(self, spec: dict[str, Any]) -> None:
        volumes = spec.setdefault("volumes", [])
        name = next((v["name"] for v in volumes if str(v.get("name", "")).startswith(VOLUME_PREFIX)), "")
        added = False
        for container in containers_of(spec):
            mounts = container.setdefault("volumeMounts", [])
            if any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
                continue
            name = name or generated(VOLUME_PREFIX, self._rng)
            mounts.append({"name": name, "readOnly": True, "mountPath": MOUNT_PATH})
            added = True
        if added and not any(volume.get("name") == name for volume in volumes):
            volumes.append(_volume(name))
        if not volumes:
            del spec["volumes"]

    async def validate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> None:
        """Nothing to refuse that `mutate` did not."""


def _volume(name: str) -> dict[str, Any]:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "name": name,
        "projected": {
            "defaultMode": 0o644,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_EXPIRATION_S, "path": "token"}},
                {"configMap": {"name": ROOT_CONFIG_MAP, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [namespace]}},
            ],
        },
    }
