"""Bookinfo, compiled: what the translator's tests look at."""

from __future__ import annotations

from typing import Any

from mesh.istio.mesh_config import MeshConfig
from mesh.registry.state import MeshState
from mesh.translate import ProxyResources, compile_proxy
from mesh.translate.context import Viewpoint
from tests.support.bookinfo import ISTIO, objects

REVIEWS = "reviews.default.svc.cluster.local"
RATINGS = "ratings.default.svc.cluster.local"


def state(extra: str = "", *, base: str = ISTIO, config: MeshConfig | None = None) -> MeshState:
    return MeshState.build(objects(extra, base=base), config)


def view(mesh: MeshState | None = None, namespace: str = "default", **labels: str) -> Viewpoint:
    return Viewpoint(mesh or state(), namespace, labels)


def sidecar(mesh: MeshState | None = None, name: str = "productpage-v1-a") -> ProxyResources:
    mesh = mesh or state()
    return compile_proxy(mesh, mesh.workloads[("default", name)])


def router(mesh: MeshState | None = None) -> ProxyResources:
    mesh = mesh or state()
    return compile_proxy(mesh, mesh.workloads[("istio-system", "istio-ingressgateway-1")])


def virtual_host(resources: ProxyResources, route: str, name: str) -> dict[str, Any]:
    hosts: list[dict[str, Any]] = resources.routes[route]["virtual_hosts"]
    return next(host for host in hosts if host["name"] == name)


def rule_routes(http: str, *, extra: str = "", name: str = "productpage-v1-a") -> list[dict[str, Any]]:
    """Routes of ratings' virtual host with `http` (YAML in flow style) as its VirtualService's rules."""
    text = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: ratings}}
spec: {{hosts: [ratings], http: {http}}}
---
{extra}"""
    found: list[dict[str, Any]] = virtual_host(sidecar(state(text), name), "9080", f"{RATINGS}:9080")["routes"]
    return found


def destination_rule(spec: str, host: str = "ratings") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {host.split(".", maxsplit=1)[0]}-rule}}
spec: {{host: {host}, {spec}}}
---
"""
