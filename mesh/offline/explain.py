"""Why does a request go there? The compiled configuration is asked with the data plane's own routing engine.

Offline nothing is known of what is not in the files. A route to a service that they do not define is therefore still
an answer; one to a port or subset that a defined service lacks is `no_cluster` (503, flag NC).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from mesh.istio.values import mapping
from mesh.offline.filter_chains import Connection, choose, find_listener
from mesh.offline.origin import Origins
from mesh.offline.request import Request, proxy_of
from mesh.registry.state import MeshState
from mesh.translate import names
from mesh.translate.compile import ProxyResources, compile_proxy
from sidecar.config.http_connection_manager import HttpConnectionManager
from sidecar.config.listener import FilterChain, Listener
from sidecar.config.parse import LISTENER, ROUTES, parse
from sidecar.config.refusal import Refusal
from sidecar.config.route import RouteConfiguration
from sidecar.config.tcp_proxy import TcpProxy
from sidecar.routing.table import RouteTable, VirtualHostTable

Answer = dict[str, Any]
Parsed = TypeVar("Parsed")
SEED = 0
"""Shares are told, not drawn: where sequences would start does not matter."""


class RefusedConfiguration(ValueError):
    """The data plane would refuse what these files compile to; the last good configuration would stay."""


def explain(state: MeshState, request: Request, origins: Origins) -> Answer:
    """Raises `RefusedConfiguration`."""
    proxy = proxy_of(state, request)
    resources = compile_proxy(state, proxy)
    answer: Answer = {
        "outcome": "refused", "error": None, "status": None, "listener": None, "filter_chain": None,
        "route_config": None, "virtual_host": None, "route": None, "cluster": None, "shares": {}, "endpoints": [],
        "policies": [], "rules": [], "decided_by": None,
    }  # fmt: skip
    if request.inbound and proxy.kind == "sidecar":
        mode = state.mtls_mode(proxy.namespace, proxy.labels, request.port)
        answer["policies"] = [{"kind": "PeerAuthentication", "mode": str(getattr(mode, "name", mode))}]
    connection = Connection(
        address=request.address or (proxy.ip if request.inbound else ""),
        port=request.port,
        transport="raw_buffer" if request.tls == "plaintext" else "tls",
        sni=(request.sni or request.host) if request.tls != "plaintext" else "",
        alpn=request.application_protocols(),
    )
    listener = _listener(resources, request, connection)
    if listener is None:
        return answer | {"error": "no_listener"}
    answer["listener"] = listener.name
    chain = choose(listener, connection)
    if chain is None:
        return answer | {"error": "no_filter_chain"}
    answer["filter_chain"] = chain.name or None
    handler = chain.filter
    if _protocol_error(chain, request):
        return answer | {"error": "protocol_error"}
    if isinstance(handler, TcpProxy):
        return _tunnel(answer, handler, state, resources)
    return _http(answer, handler, request, state, resources, origins)


def _listener(resources: ProxyResources, request: Request, connection: Connection) -> Listener | None:
    if request.proxy != "gateway" and request.inbound:
        return _parsed(LISTENER, resources.listeners[names.VIRTUAL_INBOUND], Listener)
    listeners = {name: _parsed(LISTENER, one, Listener) for name, one in resources.listeners.items()}
    found = find_listener(list(listeners.values()), connection)
    return found or (None if request.proxy == "gateway" else listeners[names.VIRTUAL_OUTBOUND])


def _parsed(kind: str, value: Mapping[str, Any], want: type[Parsed]) -> Parsed:
    found = parse(kind, value)
    if isinstance(found, Refusal):
        raise RefusedConfiguration(f"{value.get('name')}: {found.path}: {found.reason}")
    return cast("Parsed", found)


def _protocol_error(chain: FilterChain, request: Request) -> bool:
    """TLS where nobody ends it before HTTP is read, plaintext where TLS is awaited, or no HTTP for an HTTP filter."""
    ends_tls = chain.transport_socket is not None
    if request.tls == "plaintext" and ends_tls:
        return True
    if not isinstance(chain.filter, HttpConnectionManager):
        return False
    return (request.tls != "plaintext" and not ends_tls) or not request.is_http


def _tunnel(answer: Answer, proxy: TcpProxy, state: MeshState, resources: ProxyResources) -> Answer:
    weighted = proxy.weighted_clusters
    weights = {one.name: one.weight for one in weighted.clusters} if weighted is not None else {proxy.cluster: 1}
    return answer | _forwarded(weights, state, resources)


def _http(
    answer: Answer, manager: HttpConnectionManager, request: Request, state: MeshState, resources: ProxyResources,
    origins: Origins,
) -> Answer:  # fmt: skip
    config = manager.route_config
    if config is None:
        assert manager.rds is not None
        config = _parsed(ROUTES, resources.routes[manager.rds.route_config_name], RouteConfiguration)
    answer["route_config"] = config.name
    table = RouteTable.compile(config, rng=random.Random(SEED))
    if isinstance(table, Refusal):
        raise RefusedConfiguration(f"{config.name}: {table.path}: {table.reason}")
    head = request.head()
    host = table.virtual_host(head.authority)
    if host is None:
        return answer | {"error": "no_virtual_host", "status": 404}
    answer["virtual_host"] = host.name
    if host.plaintext is not None and head.scheme != b"https":
        return answer | {"outcome": "redirect", "error": "tls_redirect", "status": 301}
    position, answer["rules"] = _tried(host, request, origins)
    if position is None:
        return answer | {"error": "no_route", "status": 404}
    entry = host.entries[position]
    route = entry.route.config
    answer["route"] = route.name or None
    answer["decided_by"] = origins.decided_by(entry.route.metadata)
    if route.direct_response is not None:
        return answer | {"outcome": "direct_response", "status": route.direct_response.status}
    if entry.route.redirect is not None:
        return answer | {"outcome": "redirect", "status": entry.route.redirect.status}
    action = route.route
    if action is not None and action.weighted_clusters is not None:
        weights = {one.name: one.weight for one in action.weighted_clusters.clusters if one.name}
    else:
        decision = entry.choice.choose(head)
        weights = {decision.cluster: 1} if decision is not None else {}
    return answer | _forwarded(weights, state, resources)


def _tried(host: VirtualHostTable, request: Request, origins: Origins) -> tuple[int | None, list[Answer]]:
    """Every route in order up to the one that fits, each with why it did not."""
    head = request.head()
    fitting = {id(entry) for entry in host.paths.candidates(head.path.partition(b"?")[0])}
    told: list[Answer] = []
    for position, entry in enumerate(host.entries):
        match = entry.route.config.match
        asked = [f"header {one.name}" for one in match.headers] + [
            f"query {one.name}" for one in match.query_parameters
        ]
        reason = ""
        if id(entry) not in fitting:
            reason = f"path {request.path} does not match"
        else:
            failed = next((at for at, one in enumerate(entry.conditions) if not one(head)), None)
            if failed is not None:
                reason = f"{asked[failed] if failed < len(asked) else 'another condition'} does not match"
        told.append(origins.rule(entry.route.metadata) | {"matched": not reason, "reason": reason or None})
        if not reason:
            return position, told
    return None, told


def _forwarded(weights: Mapping[str, int], state: MeshState, resources: ProxyResources) -> Answer:
    total = sum(weights.values()) or 1
    cluster = max(weights, key=lambda name: weights[name], default="")
    found: Answer = {
        "outcome": "route",
        "cluster": cluster or None,
        "shares": {name: weight / total for name, weight in weights.items()},
        "endpoints": [one for name in weights for one in _endpoints(resources, name)],
    }
    missing = not cluster or (cluster not in resources.clusters and _defined(state, cluster))
    return found | ({"outcome": "refused", "error": "no_cluster", "status": 503} if missing else {})


def _defined(state: MeshState, cluster: str) -> bool:
    parsed = names.ClusterName.parse(cluster)
    return parsed is None or parsed.host in state.services


def _endpoints(resources: ProxyResources, cluster: str) -> list[str]:
    found = []
    assignment = resources.endpoints.get(cluster) or mapping(resources.clusters.get(cluster)).get("load_assignment")
    for group in mapping(assignment).get("endpoints") or ():
        for one in group.get("lb_endpoints") or ():
            address = mapping(mapping(one.get("endpoint")).get("address"))
            where = mapping(address.get("socket_address"))
            shown = f"{where.get('address')}:{where.get('port_value')}" if where else address["pipe"]["path"]
            found.append(str(shown))
    return found
