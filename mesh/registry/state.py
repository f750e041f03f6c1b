"""`MeshState`: everything a compilation reads, as one immutable value.

Three layers, from the slowest to the fastest changing: Istio's configuration, services, endpoints. `with_endpoints`
replaces the last one only, and keeps what was memoised about the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from mesh.istio.config import IstioConfig
from mesh.istio.mesh_config import CONFIG_KEY, CONFIG_MAP, MeshConfig, mesh_config
from mesh.istio.peer_authentication import MtlsMode
from mesh.istio.values import mapping
from mesh.kube.objects import Key, Object, key_of
from mesh.registry.endpoints import EndpointTable, entry_endpoints, slice_endpoints
from mesh.registry.model import Endpoint, Service, ServicePort, Workload
from mesh.registry.services import KUBERNETES, entry_services, kubernetes_service
from mesh.registry.workloads import workloads


@dataclass(frozen=True)
class MeshState:
    """Built from informer stores; see `build`. Everything handed out is shared: never mutate it."""

    mesh_config: MeshConfig
    istio: IstioConfig
    all_services: tuple[Service, ...]
    workloads: Mapping[Key, Workload]  # by (namespace, pod name), injected or not
    endpoints: EndpointTable
    secrets: Mapping[Key, Object]
    nodes: tuple[Object, ...] = ()
    config_memo: dict[Any, Any] = field(default_factory=dict, compare=False)  # facts of configuration and services
    memo: dict[Any, Any] = field(default_factory=dict, compare=False)  # facts that also depend on endpoints

    @classmethod
    def build(cls, objects: Mapping[str, Iterable[Object]], config: MeshConfig | None = None) -> MeshState:
        """`objects` by kind ("Service", "Pod", "EndpointSlice", "Secret", "Node", "VirtualService", ...).

        `config` None: taken from ConfigMap istio-system/istio in `objects["ConfigMap"]`, else Istio's defaults.
        """
        chosen = config or read_mesh_config(objects.get("ConfigMap", ()))
        istio = IstioConfig(objects, root_namespace=chosen.root_namespace)
        from_kubernetes = sorted(
            map(kubernetes_service, objects.get("Service", ())), key=lambda one: (one.created, one.hostname)
        )
        known = {service.hostname: service for service in from_kubernetes}
        services = (*from_kubernetes, *entry_services(istio.service_entries, known))
        nodes = tuple(objects.get("Node", ()))
        pods = workloads(objects.get("Pod", ()), nodes)
        return cls(
            mesh_config=chosen,
            istio=istio,
            all_services=services,
            workloads=pods,
            endpoints=_endpoints(istio, services, pods, slices=objects.get("EndpointSlice", ())),
            secrets={key_of(secret): secret for secret in objects.get("Secret", ())},
            nodes=nodes,
        )

    def with_endpoints(self, *, slices: Iterable[Object], pods: Iterable[Object]) -> MeshState:
        """The same configuration with other endpoints; keeps every memo that does not depend on them."""
        running = workloads(pods, self.nodes)
        return MeshState(
            mesh_config=self.mesh_config,
            istio=self.istio,
            all_services=self.all_services,
            workloads=running,
            endpoints=_endpoints(self.istio, self.all_services, running, slices=slices),
            secrets=self.secrets,
            nodes=self.nodes,
            config_memo=self.config_memo,
        )

    @cached_property
    def services(self) -> Mapping[str, tuple[Service, ...]]:
        """By hostname, oldest first; more than one only for ServiceEntries of several namespaces."""
        found: dict[str, tuple[Service, ...]] = {}
        for service in self.all_services:
            found[service.hostname] = (*found.get(service.hostname, ()), service)
        return found

    def service(self, hostname: str, namespace: str) -> Service | None:
        """The service that `hostname` means to callers of `namespace`: their own namespace's first, else the oldest."""
        visible = [one for one in self.services.get(hostname, ()) if one.visible_in(namespace)]
        return next((one for one in visible if one.namespace == namespace), visible[0] if visible else None)

    def visible_services(self, namespace: str) -> tuple[Service, ...]:
        """One service a hostname, in a stable order: what a sidecar of `namespace` may call."""
        key = ("visible", namespace)
        if key not in self.config_memo:
            chosen = (self.service(hostname, namespace) for hostname in self.services)
            self.config_memo[key] = tuple(service for service in chosen if service is not None)
        return self.config_memo[key]  # type: ignore[no-any-return]

    @cached_property
    def _by_namespace(self) -> Mapping[str, tuple[Workload, ...]]:
        found: dict[str, list[Workload]] = {}
        for one in self.workloads.values():
            found.setdefault(one.namespace, []).append(one)
        return {namespace: tuple(members) for namespace, members in found.items()}

    def workloads_of(self, namespace: str) -> tuple[Workload, ...]:
        return self._by_namespace.get(namespace, ())

    def endpoints_of(self, service: Service, port: int) -> tuple[Endpoint, ...]:
        return self.endpoints.get((service.namespace, service.hostname, port), ())

    def proxies(self) -> list[Workload]:
        """The workloads that carry a proxy of ours (sidecars and routers)."""
        return [one for one in self.workloads.values() if one.injected and (one.sandbox or one.ip)]

    def targets(self, proxy: Workload) -> list[tuple[Service, ServicePort, int]]:
        """What `proxy` serves: (service, its port, the workload's own port), oldest service first."""
        found = []
        for service in self.all_services:
            for port in service.ports:
                number = self._target_port(service, port, proxy)
                if number:
                    found.append((service, port, number))
        return found

    def _target_port(self, service: Service, port: ServicePort, proxy: Workload) -> int:
        """0 = the workload does not serve this port."""
        selected = service.selector and service.namespace == proxy.namespace
        if selected and service.selector.items() <= proxy.labels.items():
            if isinstance(port.target_port, str):
                return proxy.named_ports.get(port.target_port, 0)
            return port.target_port or port.number
        if service.registry != KUBERNETES and not proxy.host_network:
            own = (one.port for one in self.endpoints_of(service, port.number) if one.address == proxy.ip)
            return next(own, 0)
        return 0

    def mtls_mode(self, namespace: str, labels: Mapping[str, str], port: int) -> MtlsMode:
        """What a workload's own port demands of its callers."""
        return self.istio.peer_authentications.policy(namespace, labels).for_port(port)


def _endpoints(
    istio: IstioConfig, services: tuple[Service, ...], pods: Mapping[Key, Workload], *, slices: Iterable[Object]
) -> EndpointTable:
    by_key = {(one.namespace, one.hostname): one for one in services if one.registry == KUBERNETES}
    table = slice_endpoints(slices, by_key, pods)
    table.update(entry_endpoints(istio.service_entries, [one for one in services if one.registry != KUBERNETES], pods))
    return table


def read_mesh_config(config_maps: Iterable[Object]) -> MeshConfig:
    """A text that is not YAML leaves the defaults in force and is warned about."""
    for one in config_maps:
        if key_of(one) == CONFIG_MAP:
            try:
                return mesh_config(yaml.safe_load(mapping(one.get("data")).get(CONFIG_KEY) or ""))
            except yaml.YAMLError as error:
                return MeshConfig(warnings=(f"mesh: not YAML, defaults are used: {error}",))
    return MeshConfig()
