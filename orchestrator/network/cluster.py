"""The cluster as the node proxy needs it: virtual addresses, endpoints, pods, names. Fed by watch events; no I/O.

One instance serves every pod of the node. Lookups are dictionary reads; a change costs what it changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mesh.kube.objects import Object
from orchestrator.images import ImageError, is_proxy, parse_reference

SANDBOX_ANNOTATION = "pocketmesh.io/sandbox"
SERVICE_NAME_LABEL = "kubernetes.io/service-name"
ENDED_PHASES = frozenset({"Succeeded", "Failed"})

Name = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`host_network` = the address is the node's own, and may be dialled although it is a loopback address."""

    ip: str
    port: int
    hostname: str = ""
    host_network: bool = False


@dataclass(frozen=True, slots=True)
class Pod:
    """`proxied` = a sidecar holds its hooks. `sandbox` is the run directory, "" before it exists."""

    name: Name
    uid: str
    ip: str
    sandbox: str
    proxied: bool
    host_network: bool


@dataclass(frozen=True, slots=True)
class ServicePort:
    name: str
    port: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Service:
    """`address` is "" for a headless or ExternalName service."""

    name: Name
    address: str
    ports: tuple[ServicePort, ...]
    external_name: str = ""
    sticky: bool = False


class Cluster:
    """The maps; `on_service`, `on_slice` and `on_pod` are informer handlers."""

    def __init__(self) -> None:
        self.services: dict[Name, Service] = {}
        self.pods: dict[str, Pod] = {}
        self._by_address: dict[str, Name] = {}
        self._slices: dict[Name, dict[str, Object]] = {}
        self._pod_names: dict[Name, Pod] = {}

    def on_service(self, old: Object | None, new: Object | None) -> None:
        if old is not None:
            gone = self.services.pop(_name(old), None)
            if gone and self._by_address.get(gone.address) == gone.name:
                del self._by_address[gone.address]
        if new is not None:
            service = parse_service(new)
            self.services[service.name] = service
            if service.address:
                self._by_address[service.address] = service.name

    def on_slice(self, old: Object | None, new: Object | None) -> None:
        for obj, keep in ((old, False), (new, True)):
            if obj is None:
                continue
            meta = obj.get("metadata") or {}
            service = (meta.get("labels") or {}).get(SERVICE_NAME_LABEL)
            if not service:
                continue
            slices = self._slices.setdefault((meta.get("namespace", ""), service), {})
            if keep:
                slices[meta["name"]] = obj
            else:
                slices.pop(meta["name"], None)

    def on_pod(self, old: Object | None, new: Object | None) -> None:
        if old is not None:
            gone = self._pod_names.pop(_name(old), None)
            if gone and self.pods.get(gone.ip) is gone:
                del self.pods[gone.ip]
        pod = parse_pod(new) if new is not None else None
        if pod is not None:
            self._pod_names[pod.name] = pod
            if not pod.host_network:
                self.pods[pod.ip] = pod

    def service_at(self, address: str) -> Service | None:
        name = self._by_address.get(address)
        return self.services.get(name) if name else None

    def endpoints(self, service: Name, port: str | None = None) -> list[Endpoint]:
        """Ready endpoints; `port` is a service port's name. None = every endpoint once, for DNS (port 0)."""
        found: dict[Endpoint, None] = {}
        for obj in self._slices.get(service, {}).values():
            ports = [p["port"] for p in obj.get("ports") or () if (p.get("name") or "") == port and p.get("port")]
            for endpoint in obj.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready") is False:
                    continue
                for number in ports if port is not None else (0,):
                    found[self._endpoint(endpoint, number, service)] = None
        return list(found)

    def _endpoint(self, endpoint: Object, port: int, service: Name) -> Endpoint:
        target = endpoint.get("targetRef") or {}
        pod = self._pod_names.get((target.get("namespace", service[0]), target.get("name", "")))
        node_own = (pod is not None and pod.host_network) or service == ("default", "kubernetes")
        return Endpoint(endpoint["addresses"][0], port, endpoint.get("hostname") or "", node_own)


def parse_service(obj: Object) -> Service:
    spec = obj.get("spec") or {}
    address = spec.get("clusterIP") or ""
    ports = tuple(
        ServicePort(p.get("name") or "", int(p["port"]), p.get("protocol") or "TCP") for p in spec.get("ports") or ()
    )
    external = (spec.get("externalName") or "") if spec.get("type") == "ExternalName" else ""
    sticky = spec.get("sessionAffinity") == "ClientIP"
    return Service(_name(obj), "" if address == "None" or external else address, ports, external, sticky)


def parse_pod(obj: Object) -> Pod | None:
    """None for a pod without an address, or one that has ended (its address may be another's by now)."""
    spec, status, meta = obj.get("spec") or {}, obj.get("status") or {}, obj.get("metadata") or {}
    sandbox = (meta.get("annotations") or {}).get(SANDBOX_ANNOTATION, "")
    ip = status.get("podIP") or (sandbox.rpartition("/")[2] if sandbox and not spec.get("hostNetwork") else "")
    if not ip or status.get("phase") in ENDED_PHASES:
        return None
    images = (c.get("image", "") for c in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())])
    return Pod(_name(obj), meta.get("uid", ""), ip, sandbox, _has_proxy(images), bool(spec.get("hostNetwork")))


def _has_proxy(images: Iterable[str]) -> bool:
    for image in images:
        try:
            if is_proxy(parse_reference(image)):
                return True
        except ImageError:
            continue
    return False


def _name(obj: dict[str, Any]) -> Name:
    meta = obj.get("metadata") or {}
    return meta.get("namespace", ""), meta.get("name", "")
