"""Rows of Deployments and ReplicaSets."""

from __future__ import annotations

from typing import Any

from mesh.kube.objects import Object
from mesh.kube.selectors import format_api
from orchestrator.api.tables.column import AGE, NAME, NONE, Column, age, wide

_WIDE = (wide("Containers"), wide("Images"), wide("Selector"))

DEPLOYMENT_COLUMNS = (NAME, Column("Ready"), Column("Up-to-date"), Column("Available"), AGE, *_WIDE)
REPLICA_SET_COLUMNS = (
    NAME, Column("Desired", "integer"), Column("Current", "integer"), Column("Ready", "integer"), AGE, *_WIDE,
)  # fmt: skip


def deployment(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [
        obj["metadata"]["name"],
        ready,
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(obj, now),
        *_template(spec),
    ]


def replica_set(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    counts = [spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [obj["metadata"]["name"], *counts, age(obj, now), *_template(spec)]


def _template(spec: dict[str, Any]) -> list[str]:
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or []
    names = ",".join(container.get("name", "") for container in containers)
    images = ",".join(container.get("image", "") for container in containers)
    return [names, images, format_api(spec.get("selector")) or NONE]
