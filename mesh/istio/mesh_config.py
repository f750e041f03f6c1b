"""MeshConfig: ConfigMap `istio-system/istio`, key `mesh`, with Istio's defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """The mesh-wide settings this control plane honours."""

    trust_domain: str = "cluster.local"
    root_namespace: str = "istio-system"
