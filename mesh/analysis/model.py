"""The objects under analysis with their places, and what is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mesh.analysis.messages import MESSAGES
from mesh.istio.hosts import service_host
from mesh.istio.values import items, mapping, text
from mesh.kube.objects import Object
from mesh.offline.documents import Document

ROOT_NAMESPACE = "istio-system"
SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage", ROOT_NAMESPACE})
CLUSTER_SCOPED = frozenset({
    "Namespace", "Node", "CustomResourceDefinition", "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration", "GatewayClass",
})  # fmt: skip
GATEWAY_API = "gateway.networking.k8s.io"
PROXY = "istio-proxy"


@dataclass(frozen=True)
class Resource:
    """One object; `namespace` is "default" where none was written."""

    document: Document

    @property
    def object(self) -> Object:
        return self.document.object

    @property
    def kind(self) -> str:
        return text(self.object.get("kind"))

    @property
    def group(self) -> str:
        return text(self.object.get("apiVersion")).rpartition("/")[0]

    @cached_property
    def meta(self) -> Mapping[str, Any]:
        return mapping(self.object.get("metadata"))

    @property
    def name(self) -> str:
        return text(self.meta.get("name"))

    @property
    def namespace(self) -> str:
        return "" if self.kind in CLUSTER_SCOPED else text(self.meta.get("namespace")) or "default"

    @property
    def labels(self) -> Mapping[str, str]:
        return mapping(self.meta.get("labels"))

    @property
    def annotations(self) -> Mapping[str, str]:
        return mapping(self.meta.get("annotations"))

    @property
    def spec(self) -> Mapping[str, Any]:
        return mapping(self.object.get("spec"))

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def label(self) -> str:
        """`VirtualService shop/cart`; without the namespace where none was written."""
        namespace = text(self.meta.get("namespace"))
        return f"{self.kind} {namespace}/{self.name}" if namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Finding:
    code: str
    resource: Resource
    path: str = ""
    arguments: tuple[Any, ...] = ()

    @property
    def level(self) -> str:
        return MESSAGES[self.code][1]

    @property
    def message(self) -> str:
        return MESSAGES[self.code][2].format(*self.arguments)

    def as_json(self) -> dict[str, Any]:
        document = self.resource.document
        return {
            "code": self.code,
            "level": self.level,
            "type": MESSAGES[self.code][0],
            "resource": self.resource.label,
            "kind": self.resource.kind,
            "name": self.resource.name,
            "namespace": self.resource.namespace,
            "path": self.path,
            "file": document.file,
            "line": document.line_of(self.path),
            "message": self.message,
        }


Findings = Iterator[Finding]


@dataclass(frozen=True)
class World:
    """All objects by kind, and MeshConfig. Kinds of the Gateway API have its group's name in front."""

    resources: tuple[Resource, ...]
    mesh_config: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def _by_kind(self) -> Mapping[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for one in self.resources:
            found.setdefault(f"{GATEWAY_API}/{one.kind}" if one.group == GATEWAY_API else one.kind, []).append(one)
        return found

    def of(self, kind: str) -> list[Resource]:
        return self._by_kind.get(kind, [])

    def find(self, kind: str, namespace: str, name: str) -> Resource | None:
        return next((one for one in self.of(kind) if one.namespace == namespace and one.name == name), None)

    def pods(self, labels: Mapping[str, str], namespace: str | None = None) -> list[Resource]:
        """Pods that carry all of `labels`; `namespace` None = of any."""
        return [pod for pod in self.of("Pod") if namespace in (None, pod.namespace) and carries(pod.labels, labels)]

    @cached_property
    def service_ports(self) -> Mapping[str, list[int]]:
        """Ports by host: Services and ServiceEntries (whose host may be a wildcard)."""
        found: dict[str, list[int]] = {}
        for service in self.of("Service"):
            found[service_host(service.name, service.namespace)] = _ports(service, "port")
        for entry in self.of("ServiceEntry"):
            for host in items(entry.spec.get("hosts")):
                found.setdefault(text(host), []).extend(_ports(entry, "number"))
        return found

    def injected(self, namespace: str, metadata: Mapping[str, Any]) -> bool:
        """The pod's own label or annotation, else its namespace, asks for a sidecar."""
        asked = [mapping(metadata.get(key)).get("sidecar.istio.io/inject") for key in ("labels", "annotations")]
        own = next((one for one in asked if one is not None), None)
        return self.namespace_injected(namespace) if own is None else str(own).lower() == "true"

    def namespace_injected(self, name: str) -> bool:
        namespace = next((one for one in self.of("Namespace") if one.name == name), None)
        if namespace is None:
            return False
        return namespace.labels.get("istio-injection") == "enabled" or (
            "istio.io/rev" in namespace.labels and namespace.labels.get("istio-injection") != "disabled"
        )


def carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())


def match_labels(resource: Resource) -> Mapping[str, str] | None:
    """The labels that a policy selects by, whichever way its kind writes them; None without a selector."""
    for key, inner in (("selector", "matchLabels"), ("workloadSelector", "labels")):
        if resource.spec.get(key) is not None:
            selector = mapping(resource.spec[key])
            return mapping(selector.get(inner) or selector.get("matchLabels"))
    return None


def targeted(resource: Resource) -> bool:
    return bool(resource.spec.get("targetRef") or resource.spec.get("targetRefs"))


def containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key in ("containers", "initContainers"):
        for index, one in enumerate(items(spec.get(key))):
            yield f"{key}[{index}]", mapping(one)


def _ports(resource: Resource, key: str) -> list[int]:
    return [int(mapping(port).get(key) or 0) for port in items(resource.spec.get("ports"))]
