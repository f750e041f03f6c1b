"""Does this pod get a sidecar? Istio's rules. Pure.

Any "no" wins: hostNetwork, a system namespace, a disabled namespace, the pod's own refusal. Otherwise one "yes" is
enough: the namespace's, or the pod's.
"""

from __future__ import annotations

from collections.abc import Mapping

from mesh.kube.objects import Object, annotations_of, labels_of

REVISION = "default"
NAMESPACE_LABEL = "istio-injection"
REVISION_LABEL = "istio.io/rev"
POD_LABEL = "sidecar.istio.io/inject"
NEVER_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage", "istio-system"})
YES = frozenset({"y", "yes", "true", "on"})
PROXY_CONTAINER = "istio-proxy"


def wants_sidecar(pod: Object, namespace: str, namespace_labels: Mapping[str, str]) -> bool:
    spec = pod.get("spec") or {}
    # A pod of the host's network has no network of its own to capture.
    if spec.get("hostNetwork") is True or namespace in NEVER_NAMESPACES:
        return False
    choice = _pod_choice(pod)
    if choice is False or namespace_labels.get(NAMESPACE_LABEL) == "disabled":
        return False
    if choice is True or namespace_labels.get(NAMESPACE_LABEL) == "enabled":
        return True
    if NAMESPACE_LABEL in namespace_labels:
        return False
    return REVISION in (namespace_labels.get(REVISION_LABEL), labels_of(pod).get(REVISION_LABEL))


def has_sidecar(pod: Object) -> bool:
    spec = pod.get("spec") or {}
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return any(container.get("name") == PROXY_CONTAINER for container in containers)


def _pod_choice(pod: Object) -> bool | None:
    """None = the pod says nothing. The label goes before the annotation."""
    word = labels_of(pod).get(POD_LABEL, annotations_of(pod).get(POD_LABEL))
    return None if word is None or word == "" else word.lower() in YES
