"""Outbound listeners of a sidecar: where the pod's own connections go, by the address it dialled.

Only `virtualOutbound` has a socket; it hands each connection to the listener of its original destination:
`<address>_<port>` for a service that owns an address, `0.0.0.0_<port>` for HTTP, whose Host header decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.registry.model import Service, ServicePort, Workload
from mesh.registry.protocols import is_auto, is_http, is_tls
from mesh.translate import names
from mesh.translate.context import Viewpoint
from mesh.translate.http_manager import Side, connection_manager
from mesh.translate.resources import Resource, socket_address, typed
from mesh.translate.tcp import TcpRoute, service_tcp_routes, service_tls_routes, tcp_proxy

PLAINTEXT_HTTP = ["http/1.0", "http/1.1"]
"""What the HTTP inspector calls the protocols that the connection manager serves."""


@dataclass(slots=True)
class _Draft:
    """A listener being collected from all services of one port. Services are taken oldest first; the first wins."""

    address: str
    port: int
    chains: dict[str, Resource] = field(default_factory=dict)  # by what they match
    default: Resource | None = None
    sniffs_http: bool = False
    sniffs_tls: bool = False

    def add_http(self, make_manager: Callable[[], Resource]) -> None:
        if "http" in self.chains:
            return
        match: Resource = {"transport_protocol": "raw_buffer", "application_protocols": PLAINTEXT_HTTP}
        self.chains["http"] = {"filter_chain_match": match, "filters": [make_manager()]}
        self.sniffs_http = self.sniffs_tls = True

    def add_tcp(self, route: TcpRoute, proxy: Resource, extra_subnets: tuple[str, ...] = ()) -> None:
        chain: Resource = {"filters": [proxy]}
        if route.metadata is not None:
            chain["metadata"] = route.metadata
        match: Resource = {}
        if route.server_names and "*" not in route.server_names:
            match["server_names"] = list(route.server_names)
            self.sniffs_tls = True
        subnets = route.subnets or extra_subnets
        if subnets:
            match["prefix_ranges"] = [_range(subnet) for subnet in subnets]
        if not match:
            self.default = self.default or chain
            return
        self.chains.setdefault(repr(match), {"filter_chain_match": match, **chain})


def outbound_listeners(view: Viewpoint, proxy: Workload) -> dict[str, Resource]:
    """All outbound listeners of one sidecar, `virtualOutbound` first."""
    found = {names.VIRTUAL_OUTBOUND: _virtual_outbound(view, proxy)}
    # Only the trace tags and the sandbox tell proxies of one namespace apart.
    key = (proxy.canonical_name, proxy.canonical_revision)
    shared = view.memoised("outbound listeners", key, lambda: _per_port(view, proxy), by_endpoints=True)
    found.update(shared)
    return found


def _per_port(view: Viewpoint, proxy: Workload) -> dict[str, Resource]:
    drafts: dict[str, _Draft] = {}
    for service in view.state.visible_services(view.namespace):
        if service.external_name:
            continue  # names of others: resolved by DNS, passed through
        for port in service.ports:
            if port.protocol != "udp":
                _add(drafts, view, proxy, service=service, port=port)
    return {name: _listener(view, draft, name) for name, draft in sorted(drafts.items())}


def _add(drafts: dict[str, _Draft], view: Viewpoint, proxy: Workload, *, service: Service, port: ServicePort) -> None:
    number = port.number
    if is_http(port.protocol):
        _draft(drafts, names.WILDCARD, number).add_http(
            lambda: _manager(view, proxy, address=names.WILDCARD, port=number, routes=str(number))
        )
        return
    routes = (
        service_tls_routes(view, service, number)
        if is_tls(port.protocol)
        else service_tcp_routes(view, service, number)
    )
    subnets = tuple(address for address in service.addresses if "/" in address)
    own = addresses(view, service, port) or ([] if subnets else [names.WILDCARD])
    for address in own + ([names.WILDCARD] if subnets else []):
        draft = _draft(drafts, address, number)
        if is_auto(port.protocol) and address != names.WILDCARD:
            _add_sniffed(draft, view, proxy, names.domain(service.hostname, number))
        for route in routes:
            sni_bound = address == names.WILDCARD and is_tls(port.protocol) and not route.server_names
            chosen = TcpRoute(route.action, route.metadata, route.subnets, (service.hostname,)) if sni_bound else route
            stat_prefix = str(route.action.get("cluster") or names.domain(service.hostname, number))
            draft.add_tcp(
                chosen,
                tcp_proxy(view.state, route.action, stat_prefix=stat_prefix),
                subnets if address == names.WILDCARD else (),
            )


def _add_sniffed(draft: _Draft, view: Viewpoint, proxy: Workload, routes: str) -> None:
    draft.add_http(lambda: _manager(view, proxy, address=draft.address, port=draft.port, routes=routes))


def _draft(drafts: dict[str, _Draft], address: str, port: int) -> _Draft:
    return drafts.setdefault(names.listener(address, port), _Draft(address, port))


def addresses(view: Viewpoint, service: Service, port: ServicePort) -> list[str]:
    """What the pod dials to reach this service: its virtual addresses, for a headless service each pod's."""
    own = [address for address in service.addresses if "/" not in address and ":" not in address]
    if service.auto_allocated:
        own.append(service.auto_allocated)
    if service.headless:
        endpoints = view.state.endpoints_of(service, port.number)
        own += [one.address for one in endpoints if one.port == port.number]
    return own


def _manager(view: Viewpoint, proxy: Workload, *, address: str, port: int, routes: str) -> Resource:
    return connection_manager(
        view.state, proxy, Side.OUTBOUND, stat_prefix=f"outbound_{names.listener(address, port)}", routes=routes
    )


def _listener(view: Viewpoint, draft: _Draft, name: str) -> Resource:
    listener: Resource = {
        "name": name,
        "address": socket_address(draft.address, draft.port),
        "bind_to_port": False,
        "traffic_direction": "OUTBOUND",
        "filter_chains": list(draft.chains.values()),
    }
    default = draft.default
    if default is None and draft.address == names.WILDCARD:
        default = {"name": "PassthroughFilterChain", "filters": [_unknown(view)]}
    if default is not None:
        if draft.chains:
            listener["default_filter_chain"] = default
        else:
            listener["filter_chains"] = [default]
    inspectors = []
    if draft.sniffs_tls:
        inspectors.append(typed("envoy.filters.listener.tls_inspector", "tls_inspector"))
    if draft.sniffs_http:
        inspectors.append(typed("envoy.filters.listener.http_inspector", "http_inspector"))
    if inspectors:
        listener["listener_filters"] = inspectors
        listener["listener_filters_timeout"] = f"{view.state.mesh_config.protocol_detection_timeout_s:g}s"
        listener["continue_on_listener_filters_timeout"] = True
    return listener


def _virtual_outbound(view: Viewpoint, proxy: Workload) -> Resource:
    """Everything that no other listener takes. A dial to the hook's own port must not come round again."""
    hole = tcp_proxy(view.state, {"cluster": names.BLACK_HOLE}, stat_prefix=names.BLACK_HOLE)
    return {
        "name": names.VIRTUAL_OUTBOUND,
        "address": socket_address("127.0.0.1", names.OUTBOUND_PORT, proxy.sandbox)
        if proxy.sandbox
        else socket_address(names.WILDCARD, names.OUTBOUND_PORT),
        "use_original_dst": True,
        "traffic_direction": "OUTBOUND",
        "filter_chains": [
            {
                "name": "virtualOutbound-blackhole",
                "filter_chain_match": {"destination_port": names.OUTBOUND_PORT},
                "filters": [hole],
            },
            {"name": "virtualOutbound-catchall-tcp", "filters": [_unknown(view)]},
        ],
    }


def _unknown(view: Viewpoint) -> Resource:
    cluster = names.BLACK_HOLE if view.state.mesh_config.registry_only else names.PASSTHROUGH
    return tcp_proxy(view.state, {"cluster": cluster}, stat_prefix=cluster)


def _range(subnet: str) -> Resource:
    address, _, length = subnet.partition("/")
    return {"address_prefix": address, "prefix_len": int(length or (128 if ":" in address else 32))}
