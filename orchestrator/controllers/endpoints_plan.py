"""Which addresses stand behind a Service, as EndpointSlices and as the older Endpoints: pure.

A pod that is being deleted leaves the ready endpoints at its deletionTimestamp, before any signal is sent to it;
slices still list it as `terminating` (KEP-1672).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mesh.kube.objects import Object, deleting, labels_of, name_of, namespace_of, uid_of
from mesh.kube.selectors import from_map
from orchestrator.controllers.owners import owner_reference
from orchestrator.controllers.pods import is_ready

SLICE_ENDPOINTS_MAX = 100
MANAGED_BY = "endpointslice-controller.k8s.io"

Ports = tuple[tuple[str, int, str, str], ...]
"""(name, number, protocol, appProtocol) as the pod has them; pods that name ports differently differ here."""


def selected(service: Object, pods: Iterable[Object]) -> list[Object]:
    """Pods with an address behind the service, in order of name."""
    matches = from_map(service["spec"].get("selector")).matches
    found = [
        pod
        for pod in pods
        if namespace_of(pod) == namespace_of(service)
        and (pod.get("status") or {}).get("podIP")
        and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
        and matches(labels_of(pod))
    ]
    return sorted(found, key=name_of)


def ports_of(service: Object, pod: Object) -> Ports:
    """The service's ports as numbers of this pod; a named target that the pod does not have is left out."""
    found = []
    for port in service["spec"].get("ports") or []:
        number = _target(port, pod)
        if number is not None:
            protocol = port.get("protocol", "TCP")
            found.append((port.get("name") or "", number, protocol, port.get("appProtocol") or ""))
    return tuple(found)


def _target(port: dict[str, Any], pod: Object) -> int | None:
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    containers = [*(pod["spec"].get("containers") or []), *(pod["spec"].get("initContainers") or [])]
    for container in containers:
        for found in container.get("ports") or []:
            if found.get("name") == target and found.get("protocol", "TCP") == port.get("protocol", "TCP"):
                return int(found["containerPort"])
    return None


def _slice_ports(ports: Ports) -> list[dict[str, Any]]:
    made = []
    for name, number, protocol, app_protocol in ports:
        port: dict[str, Any] = {"name": name, "port": number, "protocol": protocol}
        if app_protocol:
            port["appProtocol"] = app_protocol
        made.append(port)
    return made


def _endpoint(service: Object, pod: Object) -> dict[str, Any]:
    ready, ending = is_ready(pod), deleting(pod)
    anyway = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint: dict[str, Any] = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": anyway or (ready and not ending), "serving": ready, "terminating": ending},
        "targetRef": {"kind": "Pod", "name": name_of(pod), "namespace": namespace_of(pod), "uid": uid_of(pod)},
    }
    if node := pod["spec"].get("nodeName"):
        endpoint["nodeName"] = node
    hostname, subdomain = pod["spec"].get("hostname"), pod["spec"].get("subdomain")
    if hostname and subdomain == name_of(service):
        endpoint["hostname"] = hostname
    return endpoint


def slices(service: Object, pods: list[Object]) -> list[Object]:
    """One group of slices for each set of ports, at most a hundred endpoints in each; names are stable."""
    groups: dict[Ports, list[Object]] = {}
    for pod in pods:
        groups.setdefault(ports_of(service, pod), []).append(pod)
    made: list[Object] = []
    for ports, members in sorted(groups.items()) or [((), [])]:
        for start in range(0, max(len(members), 1), SLICE_ENDPOINTS_MAX):
            part = members[start : start + SLICE_ENDPOINTS_MAX]
            made.append(_slice(service, len(made), ports, part))
    return made


def _slice(service: Object, index: int, ports: Ports, pods: list[Object]) -> Object:
    labels = {"kubernetes.io/service-name": name_of(service), "endpointslice.kubernetes.io/managed-by": MANAGED_BY}
    if service["spec"].get("clusterIP") == "None":
        labels["service.kubernetes.io/headless"] = ""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name_of(service)}-{index}",
            "namespace": namespace_of(service),
            "labels": labels,
            "ownerReferences": [owner_reference(service)],
        },
        "addressType": "IPv4",
        "ports": _slice_ports(ports),
        "endpoints": [_endpoint(service, pod) for pod in pods],
    }


def endpoints(service: Object, pods: list[Object]) -> Object:
    """The v1 Endpoints object of the same name, which older clients read."""
    anyway = bool(service["spec"].get("publishNotReadyAddresses"))
    groups: dict[Ports, dict[str, list[dict[str, Any]]]] = {}
    for pod in pods:
        if deleting(pod) and not anyway:
            continue
        place = "addresses" if anyway or is_ready(pod) else "notReadyAddresses"
        address = {
            "ip": pod["status"]["podIP"],
            "targetRef": {"kind": "Pod", "name": name_of(pod), "namespace": namespace_of(pod), "uid": uid_of(pod)},
        }
        if node := pod["spec"].get("nodeName"):
            address["nodeName"] = node
        groups.setdefault(ports_of(service, pod), {}).setdefault(place, []).append(address)
    made: Object = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": name_of(service),
            "namespace": namespace_of(service),
            "labels": {**labels_of(service), "endpoints.kubernetes.io/managed-by": "endpoint-controller"},
        },
    }
    subsets = []
    for ports, addresses in sorted(groups.items(), key=lambda item: item[0]):
        named = [{key: value for key, value in port.items() if value != ""} for port in _slice_ports(ports)]
        subsets.append({**addresses, "ports": named})
    if subsets:
        made["subsets"] = subsets
    return made
