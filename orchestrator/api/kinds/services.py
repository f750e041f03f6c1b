"""Services, Endpoints and EndpointSlices: defaults and validation."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from mesh.kube.objects import Object
from orchestrator.api.errors import Cause, duplicate, forbidden_field, invalid, not_supported, required
from orchestrator.api.kinds.pod_validation import PORT_RANGE
from orchestrator.api.names import check_labels, label, subdomain

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
AFFINITY_TIMEOUT_S = 10_800


def default_service(obj: Object) -> None:
    spec = obj["spec"] = obj.get("spec") or {}
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["sessionAffinity"] == "ClientIP":
        config = spec["sessionAffinityConfig"] = spec.get("sessionAffinityConfig") or {}
        config["clientIP"] = {"timeoutSeconds": AFFINITY_TIMEOUT_S, **(config.get("clientIP") or {})}
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port")
    if kind == "ExternalName":
        return
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if kind in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if not spec.get("clusterIP") and spec.get("clusterIPs"):
        spec["clusterIP"] = spec["clusterIPs"][0]
    if spec.get("clusterIP"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def prepare_service(new: Object, old: Object | None) -> None:
    """A new Service has an empty status; an update that leaves out allocated fields keeps them."""
    if old is None:
        new["status"] = {"loadBalancer": {}}
        return
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if spec.get("type", "ClusterIP") == "ExternalName":
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
            spec.pop(name, None)
        return
    if not spec.get("clusterIP") and before.get("clusterIP"):
        spec["clusterIP"], spec["clusterIPs"] = before["clusterIP"], before.get("clusterIPs") or [before["clusterIP"]]
    known = {(p.get("port"), p.get("protocol")): p.get("nodePort") for p in before.get("ports") or []}
    for port in spec.get("ports") or []:
        if not port.get("nodePort") and (held := known.get((port.get("port"), port.get("protocol", "TCP")))):
            port["nodePort"] = held


def validate_service(obj: Object) -> list[Cause]:
    return list(_service(obj["spec"]))


def _service(spec: dict[str, Any]) -> Iterable[Cause]:
    kind, headless = spec["type"], spec.get("clusterIP") == "None"
    if kind not in TYPES:
        yield not_supported("spec.type", kind, TYPES)
    if not spec.get("ports") and not headless and kind != "ExternalName":
        yield required("spec.ports")
    if headless and kind in ("NodePort", "LoadBalancer"):
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind == "ExternalName":
        if not spec.get("externalName"):
            yield required("spec.externalName")
        elif wrong := subdomain(spec["externalName"].rstrip(".").lower()):
            yield invalid("spec.externalName", spec["externalName"], wrong)
    if spec["sessionAffinity"] not in ("ClientIP", "None"):
        yield not_supported("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"))
    yield from check_labels(spec.get("selector"), "spec.selector")
    yield from _ports(spec.get("ports") or [])


def _ports(ports: list[dict[str, Any]]) -> Iterable[Cause]:
    names: set[str] = set()
    numbers: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        name = port.get("name") or ""
        if not name and len(ports) > 1:
            yield required(f"{path}.name")
        elif name and (wrong := label(name)):
            yield invalid(f"{path}.name", name, wrong)
        elif name and name in names:
            yield duplicate(f"{path}.name", name)
        names.add(name)
        number = port.get("port")
        if number is None or not 1 <= number <= 65535:
            yield invalid(f"{path}.port", number or 0, PORT_RANGE)
        if port.get("protocol") not in ("TCP", "UDP", "SCTP"):
            yield not_supported(f"{path}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))
        target = port.get("targetPort")
        if isinstance(target, int) and not 1 <= target <= 65535:
            yield invalid(f"{path}.targetPort", target, PORT_RANGE)
        elif isinstance(target, str) and (len(target) > 15 or label(target)):
            yield invalid(f"{path}.targetPort", target, "must be no more than 15 characters")
        if (number, port.get("protocol")) in numbers:
            yield duplicate(path, {"port": number, "protocol": port.get("protocol")})
        numbers.add((number, port.get("protocol")))


def cluster_ip_is_immutable(new: Object, old: Object) -> list[Cause]:
    before, after = old["spec"].get("clusterIP"), new["spec"].get("clusterIP")
    if not before or before == after or "ExternalName" in (new["spec"]["type"], old["spec"].get("type")):
        return []
    return [invalid("spec.clusterIPs[0]", [after], "may not change once set")]


def default_endpoints(obj: Object) -> None:
    for subset in obj.get("subsets") or []:
        for port in subset.get("ports") or []:
            port.setdefault("protocol", "TCP")


def default_endpoint_slice(obj: Object) -> None:
    for port in obj.get("ports") or []:
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def validate_endpoint_slice(obj: Object) -> list[Cause]:
    kinds = ("FQDN", "IPv4", "IPv6")
    kind = obj.get("addressType")
    if not kind:
        return [required("addressType")]
    if kind not in kinds:
        return [not_supported("addressType", kind, kinds)]
    causes: list[Cause] = []
    for index, endpoint in enumerate(obj.get("endpoints") or []):
        addresses = endpoint.get("addresses") or []
        if not addresses:
            causes.append(required(f"endpoints[{index}].addresses", "must contain at least 1 address"))
        causes += [
            invalid(f"endpoints[{index}].addresses[{place}]", address, "must be a valid IPv4 address")
            for place, address in enumerate(addresses)
            if kind == "IPv4" and not _is_ipv4(address)
        ]
    return causes


def endpoint_slice_update(new: Object, old: Object) -> list[Cause]:
    if new.get("addressType") == old.get("addressType"):
        return []
    return [forbidden_field("addressType", "field is immutable")]


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
