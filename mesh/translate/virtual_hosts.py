"""Virtual hosts of sidecars: which names a service answers to on a port, and what happens to unknown names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mesh.istio.config import rule_for_host
from mesh.istio.hosts import DOMAIN_SUFFIX, covers
from mesh.istio.virtual_service import VirtualService
from mesh.registry.model import Service
from mesh.registry.services import KUBERNETES
from mesh.translate import names
from mesh.translate.context import Viewpoint
from mesh.translate.resources import Resource
from mesh.translate.routes import NO_TIMEOUT, default_route, http_routes

UNMATCHED_HOSTS_PORT = 80
"""A VirtualService's host that no service has gets a virtual host on this port only (Istio)."""


def mesh_rules(view: Viewpoint) -> Mapping[str, VirtualService]:
    return view.memoised("mesh rules", None, lambda: view.state.istio.mesh_virtual_services(view.namespace))


def outbound_virtual_hosts(view: Viewpoint, services: Iterable[Service], port: int) -> list[Resource]:
    """One per service, sorted by name, then the catch-all. A domain belongs to the first that claims it."""
    rules = mesh_rules(view)
    hosts = [service_virtual_host(view, service, port, rules=rules) for service in services]
    if port == UNMATCHED_HOSTS_PORT:
        hosts += _ruled_hosts(view, rules, port)
    hosts.sort(key=lambda host: str(host["name"]))
    claimed: set[str] = set()
    for host in hosts:
        host["domains"] = [domain for domain in host["domains"] if domain not in claimed]
        claimed.update(host["domains"])
    return [host for host in hosts if host["domains"]] + [catch_all(view)]


def service_virtual_host(
    view: Viewpoint, service: Service, port: int, *, rules: Mapping[str, VirtualService]
) -> Resource:
    rule = rule_for_host(service.hostname, rules)
    routes = http_routes(rule, view, port=port) if rule is not None else []
    return virtual_host(
        service.hostname,
        port,
        domains=domains(service, view.namespace),
        routes=routes or [default_route(view, service.external_name or service.hostname, port)],
    )


def virtual_host(host: str, port: int, *, domains: list[str], routes: list[Resource]) -> Resource:
    return {
        "name": names.domain(host, port),
        "domains": domains,
        "routes": routes,
        "include_request_attempt_count": True,
    }


def domains(service: Service, namespace: str) -> list[str]:
    """The full name, every shorter one that the cluster's DNS would complete, and the addresses.

    The bare name is for callers of the same namespace. Ports are not repeated here: route configurations ignore the
    port of the Host header.
    """
    host = service.hostname
    found = [host]
    if service.registry == KUBERNETES and host.endswith(f".{DOMAIN_SUFFIX}"):
        found.append(f"{host}.")
        if service.namespace == namespace:
            found.append(service.name)
        found += [f"{service.name}.{service.namespace}", f"{service.name}.{service.namespace}.svc"]
    if service.headless:
        found += [f"*.{name}" for name in list(found)]
    found += [address for address in service.addresses if "/" not in address]
    if service.auto_allocated:
        found.append(service.auto_allocated)
    return list(dict.fromkeys(found))


def catch_all(view: Viewpoint) -> Resource:
    """Names that the registry does not know: passed through, or 502 under REGISTRY_ONLY."""
    if view.state.mesh_config.registry_only:
        name = "block_all"
        action: Resource = {"direct_response": {"status": 502}}
    else:
        name = "allow_any"
        action = {"route": {"cluster": names.PASSTHROUGH, "timeout": NO_TIMEOUT}}
    return {
        "name": name,
        "domains": ["*"],
        "routes": [{"name": name, "match": {"prefix": "/"}, **action}],
        "include_request_attempt_count": True,
    }


def _ruled_hosts(view: Viewpoint, rules: Mapping[str, VirtualService], port: int) -> list[Resource]:
    known = {service.hostname for service in view.state.visible_services(view.namespace)}
    found = []
    for host, rule in rules.items():
        if host == "*" or host in known or any(covers(host, name) for name in known):
            continue
        routes = http_routes(rule, view, port=port)
        if routes:
            found.append(virtual_host(host, port, domains=[host], routes=routes))
    return found
