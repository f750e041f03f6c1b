"""Route configurations of sidecars: one per HTTP port (`9080`), one per sniffed service port (`host:port`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.registry.model import Service
from mesh.registry.protocols import is_auto, is_http
from mesh.translate import names
from mesh.translate.context import Viewpoint
from mesh.translate.resources import Resource
from mesh.translate.virtual_hosts import mesh_rules, outbound_virtual_hosts, service_virtual_host

DIRECT_RESPONSE_BYTES_MAX = 1024 * 1024


def outbound_routes(view: Viewpoint) -> dict[str, Resource]:
    return view.memoised("outbound routes", None, lambda: _outbound_routes(view))


def _outbound_routes(view: Viewpoint) -> dict[str, Resource]:
    """On an HTTP port's listener every service that has the port is known by name, whatever its own protocol says."""
    by_port: dict[int, list[Service]] = {}
    sniffed: list[tuple[Service, int]] = []
    http_ports: set[int] = set()
    for service in view.state.visible_services(view.namespace):
        for number, protocol in _ports(view, service):
            by_port.setdefault(number, []).append(service)
            if is_http(protocol):
                http_ports.add(number)
            elif is_auto(protocol):
                sniffed.append((service, number))
    found = {
        str(port): route_configuration(str(port), outbound_virtual_hosts(view, by_port[port], port))
        for port in sorted(http_ports)
    }
    for service, port in sniffed:
        name = names.domain(service.hostname, port)
        host = service_virtual_host(view, service, port, rules=mesh_rules(view))
        found[name] = route_configuration(name, [{**host, "domains": ["*"]}])
    return found


def _ports(view: Viewpoint, service: Service) -> list[tuple[int, str]]:
    """An alias (ExternalName) has the ports of the service it stands for; one of a foreign name has none."""
    if service.external_name:
        target = view.service(service.external_name)
        return [(port.number, port.protocol) for port in target.ports] if target else []
    return [(port.number, port.protocol) for port in service.ports if port.protocol != "udp"]


def route_configuration(name: str, hosts: list[Resource]) -> Resource:
    return {
        "name": name,
        "virtual_hosts": hosts,
        "validate_clusters": False,
        "ignore_port_in_host_matching": True,
        "max_direct_response_body_size_bytes": DIRECT_RESPONSE_BYTES_MAX,
    }


def referenced_clusters(routes: Mapping[str, Any] | list[Any] | Any) -> set[str]:
    """Every cluster named anywhere in a resource: by a route, a weight, a mirror or a TCP proxy."""
    found: set[str] = set()
    pending = [routes]
    while pending:
        one = pending.pop()
        if isinstance(one, Mapping):
            if isinstance(one.get("cluster"), str):
                found.add(one["cluster"])
            weighted = one.get("weighted_clusters")
            if isinstance(weighted, Mapping):
                found.update(str(entry["name"]) for entry in weighted.get("clusters", ()))
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return found
