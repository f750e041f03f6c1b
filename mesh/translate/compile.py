"""One proxy's whole configuration: which resources of which kind it gets."""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.registry.model import Workload
from mesh.registry.state import MeshState
from mesh.translate import names
from mesh.translate.clusters import outbound_cluster, outbound_clusters
from mesh.translate.context import Viewpoint
from mesh.translate.endpoints import cluster_endpoints
from mesh.translate.gateway_listeners import gateway_listener
from mesh.translate.gateway_routes import gateway_routes
from mesh.translate.gateways import merged_servers
from mesh.translate.inbound_clusters import fallback_clusters, inbound_clusters
from mesh.translate.listeners_inbound import inbound_listener
from mesh.translate.listeners_outbound import outbound_listeners
from mesh.translate.name_table import NAME_TABLE, name_table
from mesh.translate.outbound_routes import outbound_routes, referenced_clusters
from mesh.translate.resources import Resource
from mesh.translate.secrets import gateway_secrets

AUTHORITY_MODES = frozenset({"MUTUAL", "OPTIONAL_MUTUAL"})


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
    return _router(state, proxy) if proxy.kind == "router" else _sidecar(state, proxy)


def compile_endpoints(state: MeshState, cluster_name: str, proxy: Workload | None = None) -> Resource | None:
    """The ClusterLoadAssignment of an EDS cluster, None when the cluster's service is unknown.

    `proxy` None: as the service's own namespace sees it (subsets belong to the caller's DestinationRule).
    """
    if proxy is not None:
        return cluster_endpoints(Viewpoint.of(state, proxy), cluster_name)
    parsed = names.ClusterName.parse(cluster_name)
    owners = state.services.get(parsed.host, ()) if parsed is not None else ()
    return cluster_endpoints(Viewpoint(state, owners[0].namespace, {}), cluster_name) if owners else None


def _sidecar(state: MeshState, proxy: Workload) -> ProxyResources:
    view = Viewpoint.of(state, proxy)
    listeners = outbound_listeners(view, proxy)
    listeners[names.VIRTUAL_INBOUND] = inbound_listener(state, proxy)
    outbound = outbound_clusters(view)
    clusters = {**outbound, **inbound_clusters(state, proxy), **fallback_clusters(state)}
    return ProxyResources(
        listeners=listeners,
        clusters=clusters,
        routes=outbound_routes(view),
        endpoints=view.memoised("all endpoints", None, lambda: _endpoints(view, outbound), by_endpoints=True),
        name_table={NAME_TABLE: name_table(view)},
    )


def _router(state: MeshState, proxy: Workload) -> ProxyResources:
    """A router is told only the clusters that its routes name."""
    view = Viewpoint.of(state, proxy)
    listeners: dict[str, Resource] = {}
    routes: dict[str, Resource] = {}
    credentials: dict[str, bool] = {}
    for servers in merged_servers(state, proxy):
        listener = gateway_listener(state, proxy, servers)
        if listener is None:
            continue
        listeners[servers.name] = listener
        routes.update(gateway_routes(state, proxy, servers))
        for bound in servers.servers:
            if bound.server.credential_name:
                known = credentials.get(bound.server.credential_name, False)
                credentials[bound.server.credential_name] = known or bound.server.tls_mode in AUTHORITY_MODES
    wanted = sorted(referenced_clusters([listeners, routes]))
    outbound = {name: one for name in wanted if (one := outbound_cluster(view, name)) is not None}
    return ProxyResources(
        listeners=listeners,
        clusters={**outbound, names.BLACK_HOLE: fallback_clusters(state)[names.BLACK_HOLE]},
        routes=routes,
        endpoints=_endpoints(view, outbound),
        secrets=gateway_secrets(state, proxy, credentials),
        name_table={NAME_TABLE: name_table(view)},
    )


def _endpoints(view: Viewpoint, clusters: dict[str, Resource]) -> dict[str, Resource]:
    found = {}
    for name, cluster in clusters.items():
        if cluster["type"] == "EDS":
            one = cluster_endpoints(view, name)
            if one is not None:
                found[name] = one
    return found
