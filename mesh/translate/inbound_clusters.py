"""Clusters that lead into the workload itself, and those for what has no service at all."""

from __future__ import annotations

from mesh.registry.model import Service, ServicePort, Workload
from mesh.registry.state import MeshState
from mesh.translate import names
from mesh.translate.cluster_policy import circuit_breakers, connect_timeout, connection_options
from mesh.translate.context import Viewpoint
from mesh.translate.listeners_inbound import served_ports
from mesh.translate.resources import Resource, socket_address

INBOUND_SOURCE = "127.0.0.6"
"""The source address of a sidecar's own connections to its workload where both share a network namespace: the redirect
rules let exactly this address through (Istio)."""


def inbound_clusters(state: MeshState, proxy: Workload) -> dict[str, Resource]:
    found = {}
    for number, (service, port) in served_ports(state, proxy).items():
        found[names.inbound(number)] = _served(state, proxy, service=service, port=port, number=number)
    found[names.INBOUND_PASSTHROUGH] = _original(state, names.INBOUND_PASSTHROUGH) | _bind(proxy)
    return found


def fallback_clusters(state: MeshState) -> dict[str, Resource]:
    hole: Resource = {
        "name": names.BLACK_HOLE,
        "type": "STATIC",
        "connect_timeout": connect_timeout({}, state.mesh_config.connect_timeout_s),
        "load_assignment": {"cluster_name": names.BLACK_HOLE, "endpoints": []},
    }
    return {names.PASSTHROUGH: _original(state, names.PASSTHROUGH), names.BLACK_HOLE: hole}


def _served(state: MeshState, proxy: Workload, *, service: Service, port: ServicePort, number: int) -> Resource:
    """Of the service's DestinationRule only the connection pool matters on this side."""
    rule = Viewpoint.of(state, proxy).destination_rule(service)
    pools = {"connectionPool": (rule.policy_for(port.number) if rule is not None else {}).get("connectionPool")}
    name = names.inbound(number)
    endpoint = {"endpoint": {"address": socket_address(proxy.ip, number)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": connect_timeout(pools, state.mesh_config.connect_timeout_s),
        "lb_policy": "ROUND_ROBIN",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": circuit_breakers(pools),
        **connection_options(pools),
        **_bind(proxy),
        "metadata": {
            "filter_metadata": {
                "istio": {
                    "services": [{"host": service.hostname, "name": service.name, "namespace": service.namespace}]
                }
            }
        },
    }


def _original(state: MeshState, name: str) -> Resource:
    return {
        "name": name,
        "type": "ORIGINAL_DST",
        "connect_timeout": connect_timeout({}, state.mesh_config.connect_timeout_s),
        "lb_policy": "CLUSTER_PROVIDED",
        "circuit_breakers": circuit_breakers({}),
    }


def _bind(proxy: Workload) -> Resource:
    """In a sandbox the connection is made from inside the pod, by its own address."""
    source = socket_address(proxy.ip, 0, proxy.sandbox) if proxy.sandbox else socket_address(INBOUND_SOURCE, 0)
    return {"upstream_bind_config": {"source_address": source["socket_address"]}}
