"""Which servers a router opens, merged from all Gateways that select it, oldest first.

A server's port is a port of the router's Service; it is opened at that port's targetPort, so servers of several ports
may meet on one listener. The first server on a port decides between plain HTTP, TLS and TCP; later ones that do not fit
are left out, and so is a TLS host that another server of the port already has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from mesh.istio.gateway import PASSTHROUGH_MODES, Gateway, Server
from mesh.registry.model import Service, Workload
from mesh.registry.state import MeshState
from mesh.translate import names

NO_TRANSLATION = "experimental.istio.io/disable-gateway-port-translation"


class Transport(Enum):
    HTTP = "http"
    TLS = "tls"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class BoundServer:
    """A server in its place: of which Gateway, under which route configuration, for which TLS names."""

    gateway: Gateway
    server: Server
    route_name: str
    server_names: tuple[str, ...] = ()  # empty = any


@dataclass(slots=True)
class ListenerServers:
    """Everything that listens on one address and port of a router."""

    bind: str
    port: int
    transport: Transport
    servers: list[BoundServer] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return names.listener(self.bind, self.port)


def merged_servers(state: MeshState, proxy: Workload) -> list[ListenerServers]:
    ports = [
        (target if _untranslated(service) else port.number, target) for service, port, target in state.targets(proxy)
    ]
    found: dict[tuple[str, int], ListenerServers] = {}
    for gateway in state.istio.gateways:
        if not gateway.selects(proxy.labels):
            continue
        for server in gateway.servers:
            for target in _targets(server, ports):
                _place(found, gateway, server, target=target)
    return [found[key] for key in sorted(found)]


def _untranslated(service: Service) -> bool:
    """Servers of a Gateway name the workload's own ports where the Service says so."""
    return service.labels.get(NO_TRANSLATION) == "true"


def _targets(server: Server, ports: list[tuple[int, int]]) -> Iterable[int]:
    """A router without a Service opens the server's own number; one with a Service only what that has."""
    if not ports:
        return (server.number,)
    return sorted({target for number, target in ports if number == server.number})


def _place(found: dict[tuple[str, int], ListenerServers], gateway: Gateway, server: Server, *, target: int) -> None:
    bind = server.bind if server.bind and not server.bind.startswith("unix:") else names.WILDCARD
    transport = transport_of(server)
    listener = found.setdefault((bind, target), ListenerServers(bind, target, transport))
    if listener.transport is not transport:
        return
    hosts: tuple[str, ...] = ()
    if transport is Transport.TLS:
        wanted = [name for _, name in server.hosts if name not in listener.taken]
        if not wanted:
            return
        listener.taken.update(wanted)
        hosts = () if "*" in wanted else tuple(dict.fromkeys(wanted))
    listener.servers.append(BoundServer(gateway, server, _route_name(gateway, server, target, bind=bind), hosts))


def transport_of(server: Server) -> Transport:
    if server.is_http:
        return Transport.HTTP
    return Transport.TLS if server.tls_mode else Transport.TCP


def passes_tls(server: Server) -> bool:
    return server.tls_mode in PASSTHROUGH_MODES


def _route_name(gateway: Gateway, server: Server, target: int, *, bind: str) -> str:
    if server.is_http:
        return f"http.{target}" if bind == names.WILDCARD else f"http.{target}.{bind}"
    return f"https.{server.number}.{server.port_name}.{gateway.meta.name}.{gateway.meta.namespace}"
