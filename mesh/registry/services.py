"""Kubernetes Services and ServiceEntries as services of one registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mesh.istio.exports import EVERYWHERE
from mesh.istio.hosts import is_wildcard, service_host
from mesh.istio.service_entry import ServiceEntry
from mesh.istio.values import integer, items, mapping, text
from mesh.kube.objects import Object, annotations_of, labels_of, name_of, namespace_of
from mesh.registry.model import Resolution, Service, ServicePort
from mesh.registry.protocols import entry_protocol, port_protocol
from mesh.registry.vips import Vips

EXPORT_ANNOTATION = "networking.istio.io/exportTo"
KUBERNETES = "Kubernetes"
EXTERNAL = "External"


def kubernetes_service(obj: Object) -> Service:
    spec = mapping(obj.get("spec"))
    kind = text(spec.get("type"))
    cluster_ip = text(spec.get("clusterIP"))
    addresses = [text(ip) for ip in items(spec.get("clusterIPs"))] or [cluster_ip]
    name, namespace = name_of(obj), namespace_of(obj) or "default"
    external_name = text(spec.get("externalName")) if kind == "ExternalName" else ""
    return Service(
        hostname=service_host(name, namespace),
        name=name,
        namespace=namespace,
        ports=tuple(_kubernetes_port(mapping(port)) for port in items(spec.get("ports"))),
        addresses=tuple(ip for ip in addresses if ip and ip != "None" and not external_name),
        resolution=Resolution.DNS if external_name else Resolution.STATIC,
        mesh_external=bool(external_name),
        registry=KUBERNETES,
        export_to=_annotated_exports(obj),
        headless=cluster_ip == "None",
        selector={str(key): str(value) for key, value in mapping(spec.get("selector")).items()},
        external_name=external_name,
        created=str(mapping(obj.get("metadata")).get("creationTimestamp") or ""),
        labels=labels_of(obj),
    )


def _kubernetes_port(port: Mapping[str, Any]) -> ServicePort:
    number, name = integer(port.get("port")), text(port.get("name"))
    target = port.get("targetPort")
    return ServicePort(
        number=number,
        name=name,
        protocol=port_protocol(number, name, text(port.get("appProtocol")), text(port.get("protocol")) or "TCP"),
        target_port=integer(target) or (text(target) or None),
    )


def _annotated_exports(obj: Object) -> tuple[str, ...]:
    value = annotations_of(obj).get(EXPORT_ANNOTATION, "")
    return tuple(part.strip() for part in value.split(",") if part.strip()) or EVERYWHERE


def entry_services(entries: Iterable[ServiceEntry], known: Mapping[str, Service]) -> list[Service]:
    """One service per host of each ServiceEntry, oldest first.

    A host that a Kubernetes Service of `known` already has is not repeated. Hosts without an address of their own get
    one that names resolve to; with resolution NONE the caller's own address must stay what it dialled.
    """
    vips = Vips()
    found: dict[tuple[str, str], Service] = {}
    for entry in sorted(entries, key=lambda entry: entry.meta.age):
        for host in entry.hosts:
            if host in known or (entry.meta.namespace, host) in found:
                continue
            needs_address = not entry.addresses and entry.resolution != "NONE" and not is_wildcard(host)
            vip = vips.allocate(f"{entry.meta.namespace}/{host}") if needs_address else ""
            found[(entry.meta.namespace, host)] = _entry_service(entry, host, vip)
    return list(found.values())


def _entry_service(entry: ServiceEntry, host: str, vip: str) -> Service:
    return Service(
        hostname=host,
        name=entry.meta.name,
        namespace=entry.meta.namespace,
        ports=tuple(
            ServicePort(port.number, port.name, entry_protocol(port.protocol), port.target_port) for port in entry.ports
        ),
        addresses=entry.addresses,
        resolution=Resolution(entry.resolution) if entry.resolution in Resolution.__members__ else Resolution.NONE,
        mesh_external=entry.external,
        registry=EXTERNAL,
        export_to=entry.export_to,
        selector=entry.workload_selector or {},
        subject_alt_names=entry.subject_alt_names,
        auto_allocated=vip,
        created=entry.meta.created,
        labels=entry.labels,
    )
