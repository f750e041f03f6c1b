"""fieldRef and resourceFieldRef: what a pod may learn about itself (the downward API). Pure."""

from __future__ import annotations

import math
import os
import re
from typing import Any

from mesh.kube.objects import Object, annotations_of, labels_of
from mesh.kube.quantity import parse_quantity

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class ReferenceFailure(Exception):
    """Something a container refers to does not exist; the message says what."""


def field(pod: Object, path: str, node_ip: str) -> str:
    """The value of `fieldPath`; raises `ReferenceFailure` for a path that pods do not offer."""
    if found := _SUBSCRIPT.fullmatch(path):
        held = labels_of(pod) if found.group(1) == "labels" else annotations_of(pod)
        return held.get(found.group(2), "")
    spec, status, meta = pod.get("spec") or {}, pod.get("status") or {}, pod["metadata"]
    plain = {
        "metadata.name": meta.get("name"),
        "metadata.namespace": meta.get("namespace"),
        "metadata.uid": meta.get("uid"),
        "spec.nodeName": spec.get("nodeName"),
        "spec.serviceAccountName": spec.get("serviceAccountName"),
        "status.hostIP": status.get("hostIP") or node_ip,
        "status.hostIPs": status.get("hostIP") or node_ip,
        "status.podIP": status.get("podIP"),
        "status.podIPs": status.get("podIP"),
    }
    if path in plain:
        return str(plain[path] or "")
    if path in {"metadata.labels", "metadata.annotations"}:
        held = labels_of(pod) if path.endswith("labels") else annotations_of(pod)
        return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted(held.items()))
    raise ReferenceFailure(f"unsupported fieldPath: {path}")


def _quoted(value: str) -> str:
    """As Go's %q writes it, which is what Kubernetes puts into such files."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def resource(pod: Object, container: dict[str, Any], reference: dict[str, Any]) -> str:
    """The value of `resourceFieldRef`, divided and rounded up; without a limit the machine's own is it."""
    name = reference.get("containerName")
    if name:
        containers = [*(pod["spec"].get("containers") or []), *(pod["spec"].get("initContainers") or [])]
        container = next((found for found in containers if found["name"] == name), {})
    section, _, what = reference["resource"].partition(".")
    held = ((container.get("resources") or {}).get(section) or {}).get(what)
    if held is None and section == "limits":
        held = {"cpu": str(os.cpu_count() or 1), "memory": str(_memory_bytes())}.get(what)
    divisor = parse_quantity(str(reference.get("divisor") or "1")) or 1
    return str(math.ceil(parse_quantity(str(held or "0")) / divisor))


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
