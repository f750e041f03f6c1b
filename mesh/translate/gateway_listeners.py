"""Listeners of a router, opened on the host: one for each port that some Gateway's server comes to."""

from __future__ import annotations

from mesh.istio.hosts import overlap
from mesh.istio.meta import origin
from mesh.registry.model import Workload
from mesh.registry.state import MeshState
from mesh.translate.gateway_routes import gateway_view
from mesh.translate.gateways import BoundServer, ListenerServers, Transport, passes_tls
from mesh.translate.http_manager import Side, connection_manager
from mesh.translate.resources import Resource, socket_address, typed
from mesh.translate.tcp import TcpRoute, tcp_proxy, tcp_rules, tls_rules
from mesh.translate.tls import gateway_downstream


def gateway_listener(state: MeshState, proxy: Workload, listener: ListenerServers) -> Resource | None:
    """None when no server of the port has anywhere to send a connection to."""
    chains = _chains(state, proxy, listener)
    if not chains:
        return None
    found: Resource = {
        "name": listener.name,
        "address": socket_address(listener.bind, listener.port),
        "traffic_direction": "OUTBOUND",
        "filter_chains": chains,
    }
    if listener.transport is Transport.TLS:
        found["listener_filters"] = [typed("envoy.filters.listener.tls_inspector", "tls_inspector")]
    return found


def _chains(state: MeshState, proxy: Workload, listener: ListenerServers) -> list[Resource]:
    if listener.transport is Transport.HTTP:
        first = listener.servers[0]
        return [{"filters": [_manager(state, proxy, listener, first.route_name)]}]
    found: list[Resource] = []
    for bound in listener.servers:
        if bound.server.terminates_https:
            filters = [_manager(state, proxy, listener, bound.route_name)]
            found.append(_terminating(bound, {"filters": filters}))
        elif passes_tls(bound.server):
            found += [_tcp_chain(state, route) for route in _sni_routes(state, proxy, bound)]
        else:
            found += _tcp_server(state, proxy, bound)
    return found


def _manager(state: MeshState, proxy: Workload, listener: ListenerServers, routes: str) -> Resource:
    return connection_manager(state, proxy, Side.GATEWAY, stat_prefix=f"outbound_{listener.name}", routes=routes)


def _terminating(bound: BoundServer, chain: Resource) -> Resource:
    server = bound.server
    found: Resource = {
        **chain,
        "transport_socket": gateway_downstream(server.tls, server.tls_mode, server.credential_name),
        "metadata": origin(bound.gateway.meta, server.index),
    }
    if bound.server_names:
        found["filter_chain_match"] = {"server_names": list(bound.server_names)}
    return found


def _tcp_server(state: MeshState, proxy: Workload, bound: BoundServer) -> list[Resource]:
    """The first tcp[] rule for this server takes all its connections."""
    for route in _tcp_routes(state, proxy, bound):
        chain = _tcp_chain(state, route)
        return [_terminating(bound, chain) if bound.server.tls_mode else chain]
    return []


def _tcp_routes(state: MeshState, proxy: Workload, bound: BoundServer) -> list[TcpRoute]:
    view, server = gateway_view(state, proxy, bound), bound.server
    return [
        route
        for rules in state.istio.gateway_virtual_services(bound.gateway.key, proxy.namespace)
        if any(overlap(host, name) for host in rules.hosts for name in server.hosts_for(rules.meta.namespace))
        for route in tcp_rules(view, rules.tcp, port=server.number)
    ]


def _sni_routes(state: MeshState, proxy: Workload, bound: BoundServer) -> list[TcpRoute]:
    """tls[] rules whose server names lie inside this server's hosts."""
    view, server = gateway_view(state, proxy, bound), bound.server
    return [
        route
        for rules in state.istio.gateway_virtual_services(bound.gateway.key, proxy.namespace)
        for route in tls_rules(view, rules.tls, port=server.number)
        if any(overlap(sni, name) for sni in route.server_names for name in server.hosts_for(rules.meta.namespace))
    ]


def _tcp_chain(state: MeshState, route: TcpRoute) -> Resource:
    chain: Resource = {
        "filters": [tcp_proxy(state, route.action, stat_prefix=str(route.action.get("cluster") or "weighted"))],
        "metadata": route.metadata or {},
    }
    if route.server_names and "*" not in route.server_names:
        chain["filter_chain_match"] = {"server_names": list(route.server_names)}
    return chain
