"""Pod -> pod with a sidecar. Pure; a pod that has one already comes back unchanged."""

from __future__ import annotations

import copy
import json
from typing import Any

from mesh.inject.policy import PROXY_CONTAINER, REVISION, has_sidecar
from mesh.inject.template import (
    AGENT_PORT,
    READY_PORT,
    VOLUMES,
    ProxyIdentity,
    ProxySettings,
    proxy_container,
    ready_probe,
    volumes,
)
from mesh.kube.objects import Object, annotations_of, controller_of, labels_of, metadata, name_of

STATUS_ANNOTATION = "sidecar.istio.io/status"
WITHDRAW_HOOK = {"httpGet": {"path": "/withdraw", "port": AGENT_PORT}}
"""Runs before SIGTERM, answers when no proxy sends requests here any more."""

OWNER_PLURALS = {
    "Deployment": "deployments",
    "ReplicaSet": "replicasets",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "Job": "jobs",
    "CronJob": "cronjobs",
}


def inject(pod: Object, namespace: str, settings: ProxySettings) -> Object:
    """The injected pod, a new object; `pod` itself if it carries a proxy already."""
    if has_sidecar(pod):
        return pod
    injected = copy.deepcopy(pod)
    identity = identity_of(pod, namespace)
    spec = injected["spec"]
    spec["initContainers"] = [sidecar(pod, settings, identity), *(spec.get("initContainers") or [])]
    spec["containers"] = [_with_withdraw_hook(container) for container in spec.get("containers") or []]
    spec["volumes"] = [
        *(one for one in spec.get("volumes") or [] if one.get("name") not in VOLUMES),
        *volumes(),
    ]
    _describe(injected, identity)
    return injected


def sidecar(pod: Object, settings: ProxySettings, identity: ProxyIdentity) -> dict[str, Any]:
    """A native sidecar: an init container that stays. It is first up, last down, and jobs end without it."""
    container = proxy_container("sidecar", settings, identity, annotations=annotations_of(pod))
    container["restartPolicy"] = "Always"
    # Istio's numbers: the application waits at most ten minutes for its proxy.
    container["startupProbe"] = ready_probe(READY_PORT, period_s=1, failures=600)
    return container


def identity_of(pod: Object, namespace: str) -> ProxyIdentity:
    labels = labels_of(pod)
    api_version, kind, workload = _owner(pod)
    plural = OWNER_PLURALS.get(kind, f"{kind.lower()}s")
    name = labels.get("service.istio.io/canonical-name") or labels.get("app.kubernetes.io/name") or labels.get("app")
    revision = (
        labels.get("service.istio.io/canonical-revision")
        or labels.get("app.kubernetes.io/version")
        or labels.get("version")
    )
    return ProxyIdentity(
        workload=workload,
        owner=f"kubernetes://apis/{api_version}/namespaces/{namespace}/{plural}/{workload}",
        app_containers=tuple(one.get("name", "") for one in (pod.get("spec") or {}).get("containers") or []),
        canonical_name=name or workload,
        canonical_revision=revision or "latest",
    )


def _owner(pod: Object) -> tuple[str, str, str]:
    """(apiVersion, kind, name) of what the user wrote: the Deployment behind a ReplicaSet, else the pod itself."""
    owner = controller_of(pod)
    if owner is None:
        name = name_of(pod) or str((pod.get("metadata") or {}).get("generateName") or "").rstrip("-")
        return "v1", "Pod", name
    name, kind = str(owner.get("name") or ""), str(owner.get("kind") or "")
    template_hash = labels_of(pod).get("pod-template-hash", "")
    if kind == "ReplicaSet" and template_hash and name.endswith(f"-{template_hash}"):
        return "apps/v1", "Deployment", name.removesuffix(f"-{template_hash}")
    return str(owner.get("apiVersion") or "v1"), kind, name


def _with_withdraw_hook(container: dict[str, Any]) -> dict[str, Any]:
    lifecycle = container.get("lifecycle") or {}
    if lifecycle.get("preStop"):
        return container
    return {**container, "lifecycle": {**lifecycle, "preStop": copy.deepcopy(WITHDRAW_HOOK)}}


def _describe(pod: Object, identity: ProxyIdentity) -> None:
    meta = metadata(pod)
    labels = meta["labels"] = {**(meta.get("labels") or {})}
    labels["security.istio.io/tlsMode"] = "istio"
    labels.setdefault("service.istio.io/canonical-name", identity.canonical_name[:63])
    labels.setdefault("service.istio.io/canonical-revision", identity.canonical_revision[:63])
    annotations = meta["annotations"] = {**(meta.get("annotations") or {})}
    status = {
        "initContainers": [PROXY_CONTAINER],
        "containers": None,
        "volumes": list(VOLUMES),
        "imagePullSecrets": None,
        "revision": REVISION,
    }
    annotations[STATUS_ANNOTATION] = json.dumps(status, separators=(",", ":"))
    annotations.setdefault("istio.io/rev", REVISION)
    if identity.app_containers:
        for name in ("kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container"):
            annotations.setdefault(name, identity.app_containers[0])
