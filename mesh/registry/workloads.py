"""Pods as workloads: who they are, where they answer, whether a proxy stands before them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mesh.istio.values import integer, items, mapping, text
from mesh.kube.objects import Object, annotations_of, controller_of, deleting, labels_of, name_of, namespace_of, uid_of
from mesh.registry.model import Workload

SANDBOX_ANNOTATION = "pocketmesh.io/sandbox"
PROXY_REPOSITORY = "pocketmesh/proxyv2"
TLS_MODE_LABEL = "security.istio.io/tlsMode"
LOCALITY_LABELS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")


def workload(pod: Object, node_labels: Mapping[str, str] | None = None) -> Workload:
    """`node_labels` None = the node's locality is not known."""
    spec, status = mapping(pod.get("spec")), mapping(pod.get("status"))
    proxy = _proxy_container(spec)
    return Workload(
        name=name_of(pod),
        namespace=namespace_of(pod),
        ip=text(status.get("podIP")),
        labels=labels_of(pod),
        service_account=text(spec.get("serviceAccountName")) or "default",
        kind="router" if proxy is not None and "router" in items(proxy.get("args")) else "sidecar",
        injected=proxy is not None,
        sandbox=annotations_of(pod).get(SANDBOX_ANNOTATION, ""),
        workload=_owner(pod),
        uid=uid_of(pod),
        node_name=text(spec.get("nodeName")),
        host_network=spec.get("hostNetwork") is True,
        ready=_ready(status),
        deleting=deleting(pod),
        locality=_locality(labels_of(pod), node_labels or {}),
        named_ports=_named_ports(spec),
        annotations=annotations_of(pod),
    )


def workloads(pods: Iterable[Object], nodes: Iterable[Object] = ()) -> dict[tuple[str, str], Workload]:
    """By (namespace, name). Pods that have ended or have no address yet are left out."""
    node_labels = {name_of(node): labels_of(node) for node in nodes}
    found = {}
    for pod in pods:
        status = mapping(pod.get("status"))
        if status.get("phase") in ("Succeeded", "Failed") or not status.get("podIP"):
            continue
        one = workload(pod, node_labels.get(text(mapping(pod.get("spec")).get("nodeName"))))
        found[one.key] = one
    return found


def _containers(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [mapping(one) for key in ("initContainers", "containers") for one in items(spec.get(key))]


def _proxy_container(spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for container in _containers(spec):
        image = text(container.get("image"))
        if re.search(rf"(^|/){re.escape(PROXY_REPOSITORY)}([:@]|$)", image) and "proxy" in items(container.get("args")):
            return container
    return None


def _owner(pod: Object) -> str:
    """The Deployment behind a ReplicaSet is its name without the pod-template-hash; other owners as they are."""
    owner = controller_of(pod)
    if owner is None:
        return name_of(pod)
    name = str(owner.get("name") or "")
    template_hash = labels_of(pod).get("pod-template-hash", "")
    if owner.get("kind") == "ReplicaSet" and template_hash and name.endswith(f"-{template_hash}"):
        return name[: -len(template_hash) - 1]
    return name


def _ready(status: Mapping[str, Any]) -> bool:
    conditions = [mapping(one) for one in items(status.get("conditions"))]
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _named_ports(spec: Mapping[str, Any]) -> dict[str, int]:
    return {
        text(port.get("name")): integer(port.get("containerPort"))
        for container in _containers(spec)
        for port in map(mapping, items(container.get("ports")))
        if port.get("name")
    }


def _locality(pod_labels: Mapping[str, str], node_labels: Mapping[str, str]) -> str:
    """`region/zone/subzone`; label istio-locality on the pod (dots for slashes) goes before the node's labels."""
    if pod_labels.get("istio-locality"):
        return pod_labels["istio-locality"].replace(".", "/")
    return "/".join(node_labels.get(label, "") for label in LOCALITY_LABELS).rstrip("/")
