"""Route configurations of a router: the VirtualServices bound to its Gateways, merged by host.

Unlike for sidecars, several VirtualServices for one host are merged: their routes are appended in the order of age, and
those that take everything are moved behind the others.
"""

from __future__ import annotations

from mesh.istio.hosts import intersection
from mesh.registry.model import Workload
from mesh.registry.state import MeshState
from mesh.translate import names
from mesh.translate.context import Viewpoint, relevant_labels
from mesh.translate.gateways import BoundServer, ListenerServers
from mesh.translate.matches import is_catch_all
from mesh.translate.outbound_routes import route_configuration
from mesh.translate.resources import Resource
from mesh.translate.routes import http_routes


def gateway_view(state: MeshState, proxy: Workload, bound: BoundServer) -> Viewpoint:
    return Viewpoint(state, proxy.namespace, relevant_labels(state, proxy), frozenset({bound.gateway.key}))


def gateway_routes(state: MeshState, proxy: Workload, listener: ListenerServers) -> dict[str, Resource]:
    by_name: dict[str, list[BoundServer]] = {}
    for bound in listener.servers:
        if bound.server.is_http or bound.server.terminates_https:
            by_name.setdefault(bound.route_name, []).append(bound)
    return {name: route_configuration(name, _hosts(state, proxy, servers)) for name, servers in by_name.items()}


def _hosts(state: MeshState, proxy: Workload, servers: list[BoundServer]) -> list[Resource]:
    hosts: dict[str, Resource] = {}
    for bound in servers:
        _add_rules(hosts, state, proxy, bound=bound)
        if bound.server.https_redirect:
            for _, host in bound.server.hosts:
                _host(hosts, host, bound.server.number)["require_tls"] = "ALL"
    if not hosts:
        # Unknown hosts are answered 404 by the data plane itself; a configuration without any needs one that says so.
        return [{"name": names.domain("blackhole", servers[0].server.number), "domains": ["*"], "routes": []}]
    for one in hosts.values():
        one["routes"].sort(key=lambda route: is_catch_all(route["match"]))
    return sorted(hosts.values(), key=lambda host: str(host["name"]))


def _add_rules(hosts: dict[str, Resource], state: MeshState, proxy: Workload, *, bound: BoundServer) -> None:
    view = gateway_view(state, proxy, bound)
    server = bound.server
    for rules in state.istio.gateway_virtual_services(bound.gateway.key, proxy.namespace):
        shared = intersection(server.hosts_for(rules.meta.namespace), rules.hosts)
        if not shared:
            continue
        routes = http_routes(rules, view, port=server.number, tls=bool(server.tls_mode))
        for name in shared if routes else ():
            host = _host(hosts, name, server.number)
            host["routes"] += [route for route in routes if route not in host["routes"]]
            if server.https_redirect:
                host["require_tls"] = "ALL"


def _host(hosts: dict[str, Resource], name: str, port: int) -> Resource:
    return hosts.setdefault(
        name,
        {
            "name": names.domain(name, port),
            "domains": [name],
            "routes": [],
            "include_request_attempt_count": True,
        },
    )
