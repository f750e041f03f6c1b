"""Services and the Deployments behind them: port names, shared ports, the sidecar's user id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.analysis.model import PROXY, SYSTEM_NAMESPACES, Finding, Findings, World, carries, containers
from mesh.istio.values import integer, items, mapping, text

PROTOCOLS = ("grpc-web", "grpc", "http2", "https", "http", "tcp", "tls", "mongo", "mysql", "redis", "udp", "hbone")
PROXY_UID = 1337


def analyze_port_names(world: World) -> Findings:
    for service in world.of("Service"):
        if service.namespace in SYSTEM_NAMESPACES or service.labels.get("istio"):
            continue
        external = service.spec.get("type") == "ExternalName"
        for index, port in enumerate(map(mapping, items(service.spec.get("ports")))):
            name = text(port.get("name"))
            if port.get("appProtocol") or port.get("protocol") == "UDP" or _conventional(name):
                continue
            arguments = (repr(name), port.get("port"))
            yield Finding("IST0150" if external else "IST0118", service, f"spec.ports[{index}]", arguments)


def analyze_deployments(world: World) -> Findings:
    """Services of one Deployment agree on the protocol of a port, and on the port of a target."""
    for deployment in world.of("Deployment"):
        metadata = mapping(mapping(deployment.spec.get("template")).get("metadata"))
        if not world.injected(deployment.namespace, metadata):
            continue
        labels = mapping(metadata.get("labels"))
        protocols: dict[int, dict[str, list[str]]] = {}
        targets: dict[str, dict[int, list[str]]] = {}
        for service in world.of("Service"):
            selector = mapping(service.spec.get("selector"))
            if service.namespace != deployment.namespace or not selector or not carries(labels, selector):
                continue
            for port in map(mapping, items(service.spec.get("ports"))):
                number, protocol = integer(port.get("port")), text(port.get("protocol")) or "TCP"
                protocols.setdefault(number, {}).setdefault(protocol, []).append(service.name)
                target = str(port.get("targetPort") or number)
                targets.setdefault(target, {}).setdefault(number, []).append(service.name)
        for number, users in protocols.items():
            if len(users) > 1:
                yield Finding("IST0116", deployment, "", (_names(users), number))
        for target, ports in targets.items():
            if len(ports) > 1:
                yield Finding("IST0137", deployment, "", (_names(ports), target, sorted(ports)))


def analyze_user_ids(world: World) -> Findings:
    for pod in world.of("Pod"):
        path = _proxy_uid(pod.spec)
        if path is not None:
            yield Finding("IST0144", pod, f"spec.{path}")
    for deployment in world.of("Deployment"):
        path = _proxy_uid(mapping(mapping(deployment.spec.get("template")).get("spec")))
        if path is not None:
            yield Finding("IST0144", deployment, f"spec.template.spec.{path}")


def _conventional(name: str) -> bool:
    word = name.lower()
    return any(word == protocol or word.startswith(f"{protocol}-") for protocol in PROTOCOLS)


def _proxy_uid(spec: Mapping[str, Any]) -> str | None:
    if mapping(spec.get("securityContext")).get("runAsUser") == PROXY_UID:
        return "securityContext.runAsUser"
    for path, one in containers(spec):
        user = mapping(one.get("securityContext")).get("runAsUser")
        if user == PROXY_UID and one.get("name") not in (PROXY, "istio-init"):
            return f"{path}.securityContext.runAsUser"
    return None


def _names(users: Mapping[Any, list[str]]) -> str:
    return ", ".join(sorted({name for names in users.values() for name in names}))
