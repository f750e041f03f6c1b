"""Endpoints of services: EndpointSlices joined with their pods, and the endpoints that ServiceEntries name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mesh.istio.hosts import service_host
from mesh.istio.service_entry import EntryEndpoint, ServiceEntry
from mesh.istio.values import integer, items, mapping, text
from mesh.kube.objects import Object, labels_of, namespace_of
from mesh.registry.model import Endpoint, Service, ServicePort, Workload
from mesh.registry.workloads import TLS_MODE_LABEL

SERVICE_NAME_LABEL = "kubernetes.io/service-name"

EndpointTable = dict[tuple[str, str, int], tuple[Endpoint, ...]]
"""(service namespace, hostname, service port) -> endpoints in the order of their addresses."""

Workloads = Mapping[tuple[str, str], Workload]


def slice_endpoints(
    slices: Iterable[Object], services: Mapping[tuple[str, str], Service], workloads: Workloads
) -> EndpointTable:
    """Endpoints of Kubernetes services. `services` by (namespace, hostname)."""
    found: dict[tuple[str, str, int], dict[tuple[str, int], Endpoint]] = {}
    for one in slices:
        namespace = namespace_of(one)
        hostname = service_host(labels_of(one).get(SERVICE_NAME_LABEL, ""), namespace)
        service = services.get((namespace, hostname))
        if service is None:
            continue
        for port, number in _slice_ports(one, service):
            addresses = found.setdefault((namespace, hostname, port.number), {})
            for endpoint in _addresses(one, number, workloads):
                addresses[(endpoint.address, endpoint.port)] = endpoint
    return {key: tuple(by_address[at] for at in sorted(by_address)) for key, by_address in found.items()}


def _slice_ports(one: Object, service: Service) -> Iterator[tuple[ServicePort, int]]:
    """A slice's port belongs to the service port of the same name."""
    for entry in map(mapping, items(one.get("ports"))):
        for port in service.ports:
            if port.name == text(entry.get("name")) and entry.get("port"):
                yield port, integer(entry.get("port"))


def _addresses(one: Object, port: int, workloads: Workloads) -> Iterator[Endpoint]:
    for entry in map(mapping, items(one.get("endpoints"))):
        conditions = mapping(entry.get("conditions"))
        # KEP-1672: an absent `ready` means ready; a terminating endpoint is not ready any more.
        ready = conditions.get("ready") is not False and conditions.get("terminating") is not True
        target = mapping(entry.get("targetRef"))
        pod = workloads.get((text(target.get("namespace")) or namespace_of(one), text(target.get("name"))))
        for address in items(entry.get("addresses")):
            yield _endpoint(str(address), port, pod, namespace=namespace_of(one), entry=entry, ready=ready)


def _endpoint(
    address: str, port: int, pod: Workload | None, *, namespace: str, entry: Mapping[str, Any], ready: bool
) -> Endpoint:
    hostname = text(entry.get("hostname"))
    if pod is None:
        return Endpoint(address=address, port=port, labels={}, namespace=namespace, hostname=hostname, ready=ready)
    return pod_endpoint(pod, port, address=address, hostname=hostname, ready=ready)


def pod_endpoint(
    pod: Workload, port: int, *, address: str = "", hostname: str = "", ready: bool = True, weight: int = 1
) -> Endpoint:
    return Endpoint(
        address=address or pod.ip,
        port=port,
        labels=pod.labels,
        namespace=pod.namespace,
        service_account=pod.service_account,
        sandbox=pod.sandbox,
        tls_mode="istio" if pod.labels.get(TLS_MODE_LABEL) == "istio" else "",
        locality=pod.locality,
        weight=weight,
        workload=pod.workload or pod.name,
        hostname=hostname,
        ready=ready,
    )


def entry_endpoints(
    entries: Iterable[ServiceEntry], services: Iterable[Service], workloads: Workloads
) -> EndpointTable:
    """Endpoints of ServiceEntry hosts: written out, selected pods, or for DNS without endpoints the host itself."""
    by_key = {(service.namespace, service.hostname): service for service in services}
    by_ip = {pod.ip: pod for pod in workloads.values() if not pod.host_network}
    found: dict[tuple[str, str, int], list[Endpoint]] = {}
    for entry in sorted(entries, key=lambda entry: entry.meta.age):
        for host in entry.hosts:
            service = by_key.get((entry.meta.namespace, host))
            for port in service.ports if service else ():
                if not any(own.number == port.number for own in entry.ports):
                    continue
                table = found.setdefault((entry.meta.namespace, host, port.number), [])
                table.extend(_entry(entry, host, port, workloads=workloads, by_ip=by_ip))
    return {key: tuple(endpoints) for key, endpoints in found.items()}


def _entry(
    entry: ServiceEntry, host: str, port: ServicePort, *, workloads: Workloads, by_ip: Mapping[str, Workload]
) -> Iterator[Endpoint]:
    target = port.target_port if isinstance(port.target_port, int) else port.number
    if entry.workload_selector is not None:
        for pod in workloads.values():
            selected = pod.namespace == entry.meta.namespace and entry.workload_selector.items() <= pod.labels.items()
            if selected and not pod.deleting:
                yield pod_endpoint(pod, target, ready=pod.ready)
        return
    for endpoint in entry.endpoints:
        yield _written(endpoint, endpoint.ports.get(port.name) or target, entry, by_ip.get(endpoint.address))
    if not entry.endpoints and entry.resolution.startswith("DNS"):
        yield Endpoint(address=host, port=target, labels={}, namespace=entry.meta.namespace)


def _written(endpoint: EntryEndpoint, port: int, entry: ServiceEntry, pod: Workload | None) -> Endpoint:
    """An address that is one of our pods' is reached the way that pod is; the written labels stay the rule's."""
    return Endpoint(
        address=endpoint.address,
        port=port,
        labels=endpoint.labels,
        namespace=entry.meta.namespace,
        service_account=endpoint.service_account or (pod.service_account if pod else ""),
        sandbox=pod.sandbox if pod else "",
        tls_mode="istio"
        if endpoint.labels.get(TLS_MODE_LABEL, pod and pod.labels.get(TLS_MODE_LABEL)) == "istio"
        else "",
        locality=endpoint.locality,
        weight=endpoint.weight,
        workload=pod.workload if pod else "",
    )
