"""Defaults of Pods and pod templates, as Kubernetes' core/v1 sets them."""

from __future__ import annotations

from typing import Any

from mesh.kube.objects import Object

Spec = dict[str, Any]

GRACE_S = 30
TOKEN_EXPIRATION_S = 3600
FILE_MODE = 0o644
_VOLUMES_WITH_MODE = ("configMap", "secret", "downwardAPI", "projected")


def default_pod(pod: Object) -> None:
    spec = pod["spec"] = pod.get("spec") or {}
    default_pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    for container in containers_of(spec):
        _default_requests(container)
        if spec.get("hostNetwork"):
            for port in container.get("ports") or []:
                port.setdefault("hostPort", port.get("containerPort"))


def prepare_pod(new: Object, old: Object | None) -> None:
    """A pod begins Pending; its quality-of-service class follows from its resources."""
    if old is None:
        new["status"] = {"phase": "Pending", "qosClass": qos_class(new.get("spec") or {})}


def default_pod_spec(spec: Spec) -> None:
    """What Pods and pod templates have in common."""
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", GRACE_S)
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    if name := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        # The deprecated twin is kept equal, since old clients read it.
        spec["serviceAccountName"] = spec["serviceAccount"] = name
    for container in containers_of(spec):
        default_container(container)
    for volume in _dicts(spec.get("volumes")):
        _default_volume(volume)


def containers_of(spec: Spec) -> list[dict[str, Any]]:
    """All containers: init, regular, ephemeral."""
    return [c for name in ("initContainers", "containers", "ephemeralContainers") for c in _dicts(spec.get(name))]


def _dicts(items: Any) -> list[dict[str, Any]]:
    return [item for item in items or [] if isinstance(item, dict)]


def default_container(container: dict[str, Any]) -> None:
    image = container.get("image") or ""
    if image:
        container.setdefault("imagePullPolicy", "Always" if _tag(image) == "latest" else "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("resources", {})
    for port in _dicts(container.get("ports")):
        port.setdefault("protocol", "TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe := container.get(name):
            _default_probe(probe)
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and (http := hook.get("httpGet")):
            _default_http_get(http)
    for variable in _dicts(container.get("env")):
        if field := (variable.get("valueFrom") or {}).get("fieldRef"):
            field.setdefault("apiVersion", "v1")
        if resource := (variable.get("valueFrom") or {}).get("resourceFieldRef"):
            resource.setdefault("divisor", "0")


def _tag(image: str) -> str:
    if "@" in image:
        return ""
    return image.rpartition("/")[2].partition(":")[2] or "latest"


def _default_probe(probe: dict[str, Any]) -> None:
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    if http := probe.get("httpGet"):
        _default_http_get(http)
    if grpc := probe.get("grpc"):
        grpc.setdefault("service", "")


def _default_http_get(http: dict[str, Any]) -> None:
    http.setdefault("path", "/")
    http.setdefault("scheme", "HTTP")


def _default_requests(container: dict[str, Any]) -> None:
    resources = container.get("resources") or {}
    if limits := resources.get("limits"):
        requests = resources.setdefault("requests", {})
        for name, limit in limits.items():
            requests.setdefault(name, limit)


def _default_volume(volume: dict[str, Any]) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}
    for name in _VOLUMES_WITH_MODE:
        if isinstance(source := volume.get(name), dict):
            source.setdefault("defaultMode", FILE_MODE)
    if isinstance(host := volume.get("hostPath"), dict):
        host.setdefault("type", "")
    sources = _dicts((volume.get("projected") or {}).get("sources"))
    for source in sources:
        if isinstance(token := source.get("serviceAccountToken"), dict):
            token.setdefault("expirationSeconds", TOKEN_EXPIRATION_S)
    files = [*sources, *_dicts([{"downwardAPI": volume.get("downwardAPI")}])]
    for source in files:
        for item in _dicts((source.get("downwardAPI") or {}).get("items")):
            if field := item.get("fieldRef"):
                field.setdefault("apiVersion", "v1")
            if resource := item.get("resourceFieldRef"):
                resource.setdefault("divisor", "0")


def qos_class(spec: Spec) -> str:
    """Guaranteed, Burstable or BestEffort, from cpu and memory of all containers."""
    containers = [c for name in ("initContainers", "containers") for c in _dicts(spec.get(name))]
    found = [container.get("resources") or {} for container in containers]
    if not any((r.get("limits") or {}) or (r.get("requests") or {}) for r in found):
        return "BestEffort"
    guaranteed = all(
        (r.get("limits") or {}).get(name)
        and (r.get("requests") or {}).get(name, r["limits"][name]) == r["limits"][name]
        for r in found
        for name in ("cpu", "memory")
    )
    return "Guaranteed" if guaranteed else "Burstable"
