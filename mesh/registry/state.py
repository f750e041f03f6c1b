"""`MeshState`: everything a compilation reads, as one immutable value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mesh.istio.mesh_config import MeshConfig
from mesh.kube.objects import Object
from mesh.registry.model import Service, Workload


class MeshState:
    """Built from informer stores; see `build`."""

    mesh_config: MeshConfig
    services: Mapping[str, Service]  # by hostname
    workloads: Mapping[tuple[str, str], Workload]  # by (namespace, pod name), injected or not

    @classmethod
    def build(cls, objects: Mapping[str, Iterable[Object]], mesh_config: MeshConfig | None = None) -> MeshState:
        """`objects` by kind ("Service", "Pod", "EndpointSlice", "Secret", "VirtualService", ...).

        `mesh_config` None: taken from ConfigMap istio-system/istio in `objects["ConfigMap"]`, else Istio's defaults.
        """
        raise NotImplementedError

    def with_endpoints(self, *, slices: Iterable[Object], pods: Iterable[Object]) -> MeshState:
        """The same configuration with other endpoints; shares every index and cache that does not depend on them."""
        raise NotImplementedError

    def proxies(self) -> Iterable[Workload]:
        """The workloads that carry a proxy of ours (sidecars and routers)."""
        raise NotImplementedError
