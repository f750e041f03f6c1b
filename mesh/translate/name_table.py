"""The names that a sidecar's DNS answers: services, pods of headless services, aliases, ServiceEntry hosts."""

from __future__ import annotations

from mesh.istio.hosts import is_wildcard
from mesh.registry.model import Service
from mesh.registry.services import KUBERNETES
from mesh.translate.context import Viewpoint
from mesh.translate.resources import Resource

NAME_TABLE = "NameTable"


def name_table(view: Viewpoint) -> Resource:
    """`{"table": {host: {ips, registry, shortname, namespace[, cname]}}}`; every host fully qualified."""
    return view.memoised("name table", None, lambda: _table(view), by_endpoints=True)


def _table(view: Viewpoint) -> Resource:
    table: dict[str, Resource] = {}
    for service in view.state.visible_services(view.namespace):
        if is_wildcard(service.hostname):
            continue
        if service.external_name:
            table[service.hostname] = {**_entry(service, []), "cname": service.external_name}
        elif service.headless:
            table.update(_headless(view, service))
        else:
            ips = [address for address in service.addresses if "/" not in address]
            if service.auto_allocated:
                ips.append(service.auto_allocated)
            if ips:
                table[service.hostname] = _entry(service, ips)
    return {"table": table}


def _headless(view: Viewpoint, service: Service) -> dict[str, Resource]:
    """All ready pods under the service's name; each pod with a hostname under its own as well."""
    ips: dict[str, None] = {}
    found: dict[str, Resource] = {}
    for port in service.ports:
        for endpoint in view.state.endpoints_of(service, port.number):
            if not endpoint.ready:
                continue
            ips[endpoint.address] = None
            if endpoint.hostname:
                name = f"{endpoint.hostname}.{service.hostname}"
                found[name] = {
                    **_entry(service, [endpoint.address]),
                    "shortname": f"{endpoint.hostname}.{service.name}",
                }
    found[service.hostname] = _entry(service, list(ips))
    return found


def _entry(service: Service, ips: list[str]) -> Resource:
    entry: Resource = {"ips": ips, "registry": service.registry}
    if service.registry == KUBERNETES:
        entry["shortname"] = service.name
        entry["namespace"] = service.namespace
    return entry
