"""The inbound listener of a sidecar: for each port of the workload, who may come in how.

PeerAuthentication decides between plaintext and mTLS; the port's protocol decides between HTTP and TCP. A connection
that fits no filter chain is closed: that is what a plaintext caller of a STRICT port sees.
"""

from __future__ import annotations

from mesh.istio.peer_authentication import MtlsMode, MtlsPolicy
from mesh.registry.model import Service, ServicePort, Workload
from mesh.registry.protocols import is_auto, is_http
from mesh.registry.state import MeshState
from mesh.translate import names
from mesh.translate.http_manager import Side, connection_manager
from mesh.translate.inbound_matches import ChainKind, chain_kinds
from mesh.translate.resources import Resource, pipe_address, socket_address, typed
from mesh.translate.retries import INBOUND_RETRY
from mesh.translate.routes import NO_TIMEOUT
from mesh.translate.tcp import tcp_proxy
from mesh.translate.tls import workload_downstream

UNKNOWN_PORT = 0
"""The port of chains for whatever port the workload has opened without telling any Service."""


def inbound_listener(state: MeshState, proxy: Workload) -> Resource:
    policy = state.istio.peer_authentications.policy(proxy.namespace, proxy.labels)
    served = served_ports(state, proxy)
    # The hook's own port must not come round again.
    hole = tcp_proxy(state, {"cluster": names.BLACK_HOLE}, stat_prefix=names.BLACK_HOLE)
    chains: list[Resource] = [
        {
            "name": "virtualInbound-blackhole",
            "filter_chain_match": {"destination_port": names.INBOUND_PORT},
            "filters": [hole],
        },
        *_passthrough(state, proxy, policy, served=set(served)),
    ]
    for number, (service, port) in served.items():
        chains += _port_chains(state, proxy, policy.for_port(number), service=service, port=port, number=number)
    return {
        "name": names.VIRTUAL_INBOUND,
        "address": pipe_address(f"{proxy.sandbox}/inbound.sock")
        if proxy.sandbox
        else socket_address(names.WILDCARD, names.INBOUND_PORT),
        "traffic_direction": "INBOUND",
        "listener_filters": _listener_filters(proxy),
        "listener_filters_timeout": f"{state.mesh_config.protocol_detection_timeout_s:g}s",
        "continue_on_listener_filters_timeout": True,
        "filter_chains": chains,
    }


def served_ports(state: MeshState, proxy: Workload) -> dict[int, tuple[Service, ServicePort]]:
    """By the workload's own port. Two services on one port: the older one names it and gives the protocol."""
    found: dict[int, tuple[Service, ServicePort]] = {}
    for service, port, number in state.targets(proxy):
        if port.protocol != "udp":
            found.setdefault(number, (service, port))
    return dict(sorted(found.items()))


def _listener_filters(proxy: Workload) -> list[Resource]:
    """Where the connection was going: from the PROXY header on one machine, from the kernel on a cluster."""
    origin = (
        typed("envoy.filters.listener.proxy_protocol", "proxy_protocol")
        if proxy.sandbox
        else typed("envoy.filters.listener.original_dst", "original_dst")
    )
    return [
        origin,
        typed("envoy.filters.listener.tls_inspector", "tls_inspector"),
        typed("envoy.filters.listener.http_inspector", "http_inspector"),
    ]


def _port_chains(
    state: MeshState, proxy: Workload, mode: MtlsMode, *, service: Service, port: ServicePort, number: int
) -> list[Resource]:
    cluster = names.inbound(number)
    operation = f"{service.hostname}:{port.number}/*"
    http = connection_manager(
        state,
        proxy,
        Side.INBOUND,
        stat_prefix=f"inbound_0.0.0.0_{number};",
        routes=_routes(cluster, port.number, operation),
    )
    tcp = tcp_proxy(state, {"cluster": cluster}, stat_prefix=cluster)
    metadata = {
        "filter_metadata": {
            "istio": {"services": [{"host": service.hostname, "name": service.name, "namespace": service.namespace}]}
        }
    }
    chains = []
    for kind in chain_kinds(mode, http=is_http(port.protocol), auto=is_auto(port.protocol)):
        chain = _chain(kind, number, http=http, tcp=tcp)
        chains.append({"name": f"0.0.0.0_{number}", "metadata": metadata, **chain})
    return chains


def _passthrough(state: MeshState, proxy: Workload, policy: MtlsPolicy, *, served: set[int]) -> list[Resource]:
    """Ports that no Service names, sniffed; those with an mTLS mode of their own have chains of their own."""
    cluster = names.INBOUND_PASSTHROUGH
    http = connection_manager(
        state,
        proxy,
        Side.INBOUND,
        stat_prefix=cluster,
        routes=_routes(cluster, UNKNOWN_PORT, f":{UNKNOWN_PORT}/*"),
    )
    tcp = tcp_proxy(state, {"cluster": cluster}, stat_prefix=cluster)
    modes = {UNKNOWN_PORT: policy.mode, **{port: mode for port, mode in policy.ports.items() if port not in served}}
    chains = []
    for number, mode in sorted(modes.items()):
        for kind in chain_kinds(mode, http=False, auto=True):
            name = "virtualInbound-catchall-http" if kind.http else "virtualInbound"
            chains.append({"name": name, **_chain(kind, number, http=http, tcp=tcp)})
    return chains


def _chain(kind: ChainKind, number: int, *, http: Resource, tcp: Resource) -> Resource:
    match: Resource = {}
    if number:
        match["destination_port"] = number
    if kind.transport:
        match["transport_protocol"] = kind.transport
    if kind.protocols:
        match["application_protocols"] = list(kind.protocols)
    chain: Resource = {"filter_chain_match": match, "filters": [http if kind.http else tcp]}
    if kind.mtls:
        chain["transport_socket"] = workload_downstream(kind.http)
    return chain


def _routes(cluster: str, port: int, operation: str) -> Resource:
    route: Resource = {
        "name": "default",
        "match": {"prefix": "/"},
        "route": {"cluster": cluster, "timeout": NO_TIMEOUT},
        "decorator": {"operation": operation},
    }
    if port:
        route["route"]["retry_policy"] = INBOUND_RETRY
    return {
        "name": cluster,
        "virtual_hosts": [{"name": f"inbound|http|{port}", "domains": ["*"], "routes": [route]}],
        "validate_clusters": False,
    }
