"""ServiceEntry: hosts that are added to the registry by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh.istio.exports import export_to
from mesh.istio.meta import Meta, meta_of
from mesh.istio.values import integer, items, mapping, text
from mesh.kube.objects import Object, labels_of


@dataclass(frozen=True, slots=True)
class EntryPort:
    number: int
    name: str
    protocol: str  # as written: HTTP, TLS, ...
    target_port: int | None


@dataclass(frozen=True, slots=True)
class EntryEndpoint:
    """An endpoint of a ServiceEntry. `ports` maps a service port's name to the endpoint's own number."""

    address: str
    ports: Mapping[str, int]
    labels: Mapping[str, str]
    locality: str
    weight: int
    service_account: str


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    meta: Meta
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]
    ports: tuple[EntryPort, ...]
    external: bool
    resolution: str  # NONE, STATIC, DNS, DNS_ROUND_ROBIN, DYNAMIC_DNS
    endpoints: tuple[EntryEndpoint, ...]
    workload_selector: Mapping[str, str] | None  # None = `endpoints` are the endpoints
    export_to: tuple[str, ...]
    subject_alt_names: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


def service_entry(obj: Object) -> ServiceEntry:
    spec = mapping(obj.get("spec"))
    selector = spec.get("workloadSelector")
    return ServiceEntry(
        meta=meta_of(obj),
        hosts=tuple(text(host).lower() for host in items(spec.get("hosts"))),
        addresses=tuple(text(address) for address in items(spec.get("addresses"))),
        ports=tuple(_port(mapping(port)) for port in items(spec.get("ports"))),
        external=text(spec.get("location")) != "MESH_INTERNAL",
        resolution=text(spec.get("resolution")) or "NONE",
        endpoints=tuple(entry_endpoint(mapping(endpoint)) for endpoint in items(spec.get("endpoints"))),
        workload_selector=mapping(mapping(selector).get("labels")) if selector else None,
        export_to=export_to(spec.get("exportTo")),
        subject_alt_names=tuple(text(name) for name in items(spec.get("subjectAltNames"))),
        labels=labels_of(obj),
    )


def _port(spec: Mapping[str, Any]) -> EntryPort:
    return EntryPort(
        number=integer(spec.get("number")),
        name=text(spec.get("name")),
        protocol=text(spec.get("protocol")),
        target_port=integer(spec.get("targetPort")) or None,
    )


def entry_endpoint(spec: Mapping[str, Any]) -> EntryEndpoint:
    return EntryEndpoint(
        address=text(spec.get("address")),
        ports={name: integer(number) for name, number in mapping(spec.get("ports")).items()},
        labels=mapping(spec.get("labels")),
        locality=text(spec.get("locality")),
        weight=integer(spec.get("weight")) or 1,
        service_account=text(spec.get("serviceAccount")),
    )
