"""Gateway: the servers (port, hosts, TLS) that selected router proxies open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesh.istio.hosts import server_host
from mesh.istio.meta import Meta, meta_of
from mesh.istio.values import integer, items, mapping, text
from mesh.kube.objects import Object

HTTP_PROTOCOLS = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "GRPC_WEB"})
PASSTHROUGH_MODES = frozenset({"PASSTHROUGH", "AUTO_PASSTHROUGH"})


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a Gateway. `hosts` are (namespace or "*", name) pairs.

    `tls_mode` "" = no TLS block; an empty block has the protobuf's zero value, PASSTHROUGH.
    """

    index: int
    number: int
    port_name: str
    protocol: str  # upper case
    hosts: tuple[tuple[str, str], ...]
    bind: str
    name: str
    https_redirect: bool
    tls_mode: str
    credential_name: str
    tls: Mapping[str, Any]

    @property
    def is_http(self) -> bool:
        return self.protocol in HTTP_PROTOCOLS

    @property
    def terminates_https(self) -> bool:
        return self.protocol == "HTTPS" and self.tls_mode not in PASSTHROUGH_MODES and bool(self.tls)

    def hosts_for(self, namespace: str) -> list[str]:
        """The host names a VirtualService of `namespace` may use on this server."""
        return [name for owner, name in self.hosts if owner in ("*", namespace)]


@dataclass(frozen=True, slots=True)
class Gateway:
    meta: Meta
    selector: Mapping[str, str]
    servers: tuple[Server, ...]

    @property
    def key(self) -> str:
        return f"{self.meta.namespace}/{self.meta.name}"

    def selects(self, labels: Mapping[str, str]) -> bool:
        return self.selector.items() <= labels.items()


def gateway(obj: Object) -> Gateway:
    meta = meta_of(obj)
    spec = mapping(obj.get("spec"))
    return Gateway(
        meta=meta,
        selector=mapping(spec.get("selector")),
        servers=tuple(_server(at, mapping(entry), meta) for at, entry in enumerate(items(spec.get("servers")))),
    )


def _server(index: int, spec: Mapping[str, Any], meta: Meta) -> Server:
    port, tls = mapping(spec.get("port")), mapping(spec.get("tls"))
    names = items(tls.get("credentialNames"))
    only_redirect = set(tls) <= {"httpsRedirect"}
    return Server(
        index=index,
        number=integer(port.get("number")),
        port_name=text(port.get("name")),
        protocol=text(port.get("protocol")).upper(),
        hosts=tuple(server_host(text(host), meta.namespace) for host in items(spec.get("hosts"))),
        bind=text(spec.get("bind")),
        name=text(spec.get("name")),
        https_redirect=bool(tls.get("httpsRedirect")),
        tls_mode="" if not tls or only_redirect else text(tls.get("mode")) or "PASSTHROUGH",
        credential_name=text(tls.get("credentialName")) or (text(names[0]) if names else ""),
        tls=tls,
    )
