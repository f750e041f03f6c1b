"""The HTTP connection manager: what stands on both sides of a sidecar and in a gateway, and what differs."""

from __future__ import annotations

from enum import Enum

from mesh.registry.model import Workload
from mesh.registry.state import MeshState
from mesh.translate.faults import CORS_FILTER, FAULT_FILTER
from mesh.translate.resources import ADS_SOURCE, Resource, config, typed
from mesh.translate.telemetry import access_log, tracing

SERVER_NAME = "istio-envoy"


class Side(Enum):
    """Which connection manager it is. Outbound answers call themselves `envoy`, the others `istio-envoy` (Istio)."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    GATEWAY = "gateway"


def connection_manager(
    state: MeshState, proxy: Workload, side: Side, *, stat_prefix: str, routes: Resource | str
) -> Resource:
    """The network filter. `routes`: a route configuration in place, or the name of one that comes by RDS."""
    fields: Resource = {"stat_prefix": stat_prefix}
    if isinstance(routes, str):
        fields["rds"] = {"route_config_name": routes, "config_source": ADS_SOURCE}
    else:
        fields["route_config"] = routes
    fields["http_filters"] = http_filters(side)
    fields.update(_paths(state.mesh_config.path_normalization))
    fields["use_remote_address"] = side is Side.GATEWAY
    fields.update(_identity(side))
    logs = access_log(state.mesh_config)
    if logs:
        fields["access_log"] = logs
    traced = tracing(state.mesh_config, proxy)
    if traced is not None:
        fields["tracing"] = traced
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": config("http_connection_manager", **fields),
    }


def _paths(normalization: str) -> Resource:
    """Istio's pathNormalization: one spelling of a path, before routes and policies look at it."""
    decoded = normalization == "DECODE_AND_MERGE_SLASHES"
    fields: Resource = {
        "normalize_path": normalization != "NONE",
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD" if decoded else "KEEP_UNCHANGED",
    }
    if decoded or normalization == "MERGE_SLASHES":
        fields["merge_slashes"] = True
    return fields


def http_filters(side: Side) -> list[Resource]:
    """In Istio's order; policies go between the metadata exchange and the fault filter."""
    return [
        _metadata_exchange(side),
        typed(FAULT_FILTER, "fault"),
        typed(CORS_FILTER, "cors"),
        typed("istio.stats", "stats"),
        typed("envoy.filters.http.router", "router"),
    ]


def _metadata_exchange(side: Side) -> Resource:
    """Peers tell each other who they are by headers, which never leave the mesh's own hops."""
    headers: list[Resource] = [{"istio_headers": {}}]
    if side is Side.INBOUND:
        return typed(
            "istio.metadata_exchange", "peer_metadata", downstream_discovery=headers, downstream_propagation=headers
        )
    return typed("istio.metadata_exchange", "peer_metadata", upstream_discovery=headers, upstream_propagation=headers)


def _identity(side: Side) -> Resource:
    """x-forwarded-client-cert: a server's sidecar appends what its caller proved; a gateway trusts no one's."""
    if side is Side.OUTBOUND:
        return {}
    details = "APPEND_FORWARD" if side is Side.INBOUND else "SANITIZE_SET"
    return {
        "server_name": SERVER_NAME,
        "forward_client_cert_details": details,
        "set_current_client_cert_details": {"subject": True, "dns": True, "uri": True},
    }
