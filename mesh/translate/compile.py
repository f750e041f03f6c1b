"""One proxy's whole configuration: which resources of which kind it gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mesh.registry.model import Workload
from mesh.registry.state import MeshState

Resource = dict[str, Any]
"""One Envoy v3 resource as JSON (snake_case). Shared between proxies: never mutate it."""


@dataclass(frozen=True, slots=True)
class ProxyResources:
    """What one proxy is told, each kind keyed by resource name (as xDS names it)."""

    listeners: dict[str, Resource] = field(default_factory=dict)
    clusters: dict[str, Resource] = field(default_factory=dict)
    routes: dict[str, Resource] = field(default_factory=dict)
    endpoints: dict[str, Resource] = field(default_factory=dict)
    secrets: dict[str, Resource] = field(default_factory=dict)
    name_table: dict[str, Resource] = field(default_factory=dict)  # one entry, "NameTable"


def compile_proxy(state: MeshState, proxy: Workload) -> ProxyResources:
    """Everything `proxy` gets. `proxy` is one of `state.proxies()`; its `kind` decides sidecar or router."""
    raise NotImplementedError


def compile_endpoints(state: MeshState, cluster_name: str) -> Resource | None:
    """The ClusterLoadAssignment of an EDS cluster, None when the cluster's service is unknown."""
    raise NotImplementedError
