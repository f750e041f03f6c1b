"""From an endpoint's configuration to the plan of dialling it: address, transport socket, PROXY header, pod.

Envoy's rules: the first of `transport_socket_matches` whose labels are all in the endpoint's metadata wins, else the
cluster's own transport socket. For a pipe, `envoy.filters.listener.original_dst` says which address it stands for.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from sidecar.config.cluster import Cluster, UpstreamConnectionOptions
from sidecar.config.core import Address, Metadata, SocketAddress
from sidecar.config.tls import UpstreamTlsContext
from sidecar.config.transport_socket import ProxyProtocolUpstreamTransport
from sidecar.net.addresses import Endpoint
from sidecar.net.dial import ClientTls, Plan, Sessions
from sidecar.net.resolver import is_address
from sidecar.net.san import canonical_address, covers
from sidecar.net.sandbox import Shim
from sidecar.net.secrets import SecretStore
from sidecar.net.tls import PathResolver, TlsContext, peer_names
from sidecar.protocol import proxy_v2
from sidecar.protocol.numbers import port

MATCH_METADATA = "envoy.transport_socket_match"
ORIGINAL_DST_METADATA = "envoy.filters.listener.original_dst"


class Transports:
    """The transport sockets of one cluster, their TLS contexts made once."""

    def __init__(
        self,
        config: Cluster,
        *,
        secrets: SecretStore,
        shim: Callable[[str], Shim],
        own_address: str,
        resolve: PathResolver,
    ) -> None:
        self._config = config
        self._secrets = secrets
        self._shim = shim
        self._own_address = own_address
        """Source of PROXY headers: this workload's address; "" = unknown."""
        self._resolve = resolve
        self._contexts: dict[tuple[int, str], ClientTls] = {}
        """By transport socket and server name."""
        self._built: dict[int, TlsContext] = {}
        self._options = keepalive_options(config.upstream_connection_options)

    def plan(self, address: Address, metadata: Metadata | None, hostname: str = "") -> Plan:
        """`hostname`: the endpoint's, for SNI where the transport socket takes it from there."""
        target = endpoint(address)
        labels = metadata.of(MATCH_METADATA) if metadata is not None else {}
        transport = self._socket(labels)
        prologue, proxy = b"", ""
        if isinstance(transport, ProxyProtocolUpstreamTransport):
            if self._own_address:
                # In the mesh the header speaks for the workload: one pooled connection serves all of its requests.
                prologue = self._proxy_header(transport.config.version, target, metadata)
            else:
                proxy = transport.config.version
            transport = transport.transport_socket.typed_config
        tls = self._tls(transport, hostname) if isinstance(transport, UpstreamTlsContext) else None
        source, shim = None, None
        bind = self._config.upstream_bind_config
        if bind is not None and bind.source_address is not None:
            namespace = bind.source_address.network_namespace_filepath
            shim = self._shim(namespace) if namespace else None
            source = Endpoint(bind.source_address.address, bind.source_address.port_value)
        return Plan(
            target,
            connect_timeout_s=self._config.connect_timeout,
            prologue=prologue,
            proxy=proxy,
            tls=tls,
            shim=shim,
            source=None if target.is_pipe else source,
            options=self._options,
        )

    def passthrough(self, target: Endpoint) -> Plan:
        """To where the client wanted to go, by the cluster's own transport socket."""
        address = Address(socket_address=SocketAddress(address=target.host, port_value=target.port))
        return self.plan(address, None)

    def _socket(self, labels: Mapping[str, Any]) -> Any:
        for one in self._config.transport_socket_matches:
            if all(labels.get(key) == value for key, value in one.match.items()):
                return one.transport_socket.typed_config
        own = self._config.transport_socket
        return own.typed_config if own is not None else None

    def _proxy_header(self, version: str, target: Endpoint, metadata: Metadata | None) -> bytes:
        destination = original_destination(metadata) or target
        return header_for(version, Endpoint(self._own_address), destination)

    def _tls(self, config: UpstreamTlsContext, hostname: str) -> ClientTls:
        name = hostname if config.auto_host_sni and hostname else config.sni
        found = self._contexts.get((id(config), name))
        if found is None:
            context = self._built.get(id(config))
            if context is None:
                context = self._built[id(config)] = TlsContext(config, self._secrets, resolve=self._resolve)
            found = self._contexts[id(config), name] = client_tls(context, name, config.max_session_keys)
        return found


def client_tls(context: TlsContext, name: str, session_keys: int) -> ClientTls:
    built: Callable[[], ssl.SSLContext | None] = context
    return ClientTls(built, name, context.verify, lambda: context.local_uri, Sessions(session_keys))


def named(tls: ClientTls, name: str, *, checked: bool) -> ClientTls:
    """The same for another server name; an address is not sent, as SNI cannot carry it (RFC 6066 3). `checked`: one of
    the certificate's names must be it, beside what else is wanted of it."""
    address = is_address(name)

    def verify(sock: ssl.SSLSocket) -> str:
        problem = tls.verify(sock)
        if problem or not checked:
            return problem
        names = peer_names(sock)
        if any(covers(one, name) for one in names.dns) or name in map(canonical_address, names.addresses):
            return ""
        return "TLS_error:|CERTIFICATE_VERIFY_FAILED:verify_SAN_list"

    return tls._replace(server_name=tls.server_name if address else name, verify=verify, sessions=Sessions(1))


def header_for(version: str, source: Endpoint, destination: Endpoint) -> bytes:
    """A PROXY header; pipes have no addresses, and an IPv4 address meets an IPv6 one mapped."""
    if source.is_pipe or destination.is_pipe or not source.host or not destination.host:
        return proxy_v2.LOCAL if version == "V2" else proxy_v2.UNKNOWN_V1
    ends = [source, destination]
    if (":" in source.host) != (":" in destination.host):
        ends = [one if ":" in one.host else Endpoint(f"::ffff:{one.host}", one.port) for one in ends]
    return (proxy_v2.encode if version == "V2" else proxy_v2.encode_v1)(*ends)


def keepalive_options(config: UpstreamConnectionOptions | None) -> tuple[tuple[int, int, int], ...]:
    """The socket options of `upstream_connection_options.tcp_keepalive`; what it leaves out is the system's."""
    if config is None or config.tcp_keepalive is None:
        return ()
    wanted = config.tcp_keepalive
    values = (
        (socket.TCP_KEEPCNT, wanted.keepalive_probes),
        (socket.TCP_KEEPIDLE, wanted.keepalive_time),
        (socket.TCP_KEEPINTVL, wanted.keepalive_interval),
    )
    chosen = tuple((socket.IPPROTO_TCP, option, value) for option, value in values if value)
    return ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *chosen)


def endpoint(address: Address) -> Endpoint:
    if address.pipe is not None:
        return Endpoint(address.pipe.path)
    assert address.socket_address is not None, "configuration requires one of the two"
    return Endpoint(address.socket_address.address, address.socket_address.port_value)


def original_destination(metadata: Metadata | None) -> Endpoint | None:
    """The IP address and port that a pipe stands for; None = the endpoint does not say."""
    if metadata is None:
        return None
    text = metadata.of(ORIGINAL_DST_METADATA).get("local")
    return parse_endpoint(text) if isinstance(text, str) else None


def parse_endpoint(text: str) -> Endpoint | None:
    """`ip:port` or `[ip]:port`."""
    host, _, number = text.rpartition(":")
    value = port(number.encode())
    return Endpoint(host.removeprefix("[").removesuffix("]"), value) if host and value is not None else None
