"""envoy.config.listener.v3.Listener: an address, what is read ahead of the first byte, and filter chains."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.access_log import AccessLog
from sidecar.config.core import Address, CidrRange, Direction, Metadata
from sidecar.config.http_connection_manager import HttpConnectionManager
from sidecar.config.message import Duration, Mark, Message, Range, UInt32
from sidecar.config.tcp_proxy import TcpProxy
from sidecar.config.transport_socket import DownstreamTransportSocket


class FilterChainMatch(Message, frozen=True, kw_only=True):
    """Envoy's order of decision: port, address, server name, transport, application protocol (no source)."""

    destination_port: Annotated[int, Range(1, 65535)] | None = None
    prefix_ranges: tuple[CidrRange, ...] = ()
    server_names: tuple[str, ...] = ()
    transport_protocol: Literal["", "tls", "raw_buffer"] = ""
    application_protocols: tuple[str, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        for index, name in enumerate(self.server_names):
            if "*" in name.removeprefix("*."):
                return f"server_names[{index}]", "a wildcard is only allowed as the first label"
        return None


class NetworkFilter(Message, frozen=True, kw_only=True):
    name: str
    typed_config: Annotated[HttpConnectionManager | TcpProxy, Mark.ANY]


class FilterChain(Message, frozen=True, kw_only=True):
    name: str = ""
    filter_chain_match: FilterChainMatch = FilterChainMatch()
    filters: tuple[NetworkFilter, ...] = ()
    transport_socket: DownstreamTransportSocket | None = None
    transport_socket_connect_timeout: Duration = 0.0
    """0 = none."""
    metadata: Metadata | None = None

    def problem(self) -> tuple[str, str] | None:
        # Every network filter we have is terminal.
        return ("filters", "must have exactly one filter") if len(self.filters) != 1 else None

    @property
    def filter(self) -> HttpConnectionManager | TcpProxy:
        return self.filters[0].typed_config


class TlsInspector(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"


class HttpInspector(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector"


class OriginalDst(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.listener.original_dst.v3.OriginalDst"


class ProxyProtocol(Message, frozen=True, kw_only=True):
    """Versions 1 and 2."""

    TYPE = "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"

    allow_requests_without_proxy_protocol: bool = False
    """Whether a connection may begin without a header: only for listeners whose every client is trusted."""


ListenerFilterConfig = Annotated[TlsInspector | HttpInspector | OriginalDst | ProxyProtocol, Mark.ANY]


class ListenerFilter(Message, frozen=True, kw_only=True):
    name: str
    typed_config: ListenerFilterConfig


class Listener(Message, frozen=True, kw_only=True):
    TYPE = "envoy.config.listener.v3.Listener"

    name: str = ""
    stat_prefix: str = ""
    address: Address
    filter_chains: tuple[FilterChain, ...] = ()
    default_filter_chain: FilterChain | None = None
    use_original_dst: bool = False
    per_connection_buffer_limit_bytes: UInt32 = 1024 * 1024
    metadata: Metadata | None = None
    listener_filters: tuple[ListenerFilter, ...] = ()
    listener_filters_timeout: Duration = 15.0
    """0 = none."""
    continue_on_listener_filters_timeout: bool = False
    traffic_direction: Direction = "UNSPECIFIED"
    bind_to_port: bool = True
    enable_reuse_port: bool = True
    tcp_backlog_size: UInt32 = 0
    """0 = the operating system's default."""
    access_log: tuple[AccessLog, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        if not self.filter_chains and self.default_filter_chain is None:
            return "filter_chains", "must not be empty"
        return None

    @property
    def proxy_protocol(self) -> ProxyProtocol | None:
        configs = [one.typed_config for one in self.listener_filters]
        return next((one for one in configs if isinstance(one, ProxyProtocol)), None)

    def has(self, kind: type[Message]) -> bool:
        """Whether a listener filter of this kind is on."""
        return any(isinstance(one.typed_config, kind) for one in self.listener_filters)

    @property
    def chains(self) -> tuple[FilterChain, ...]:
        """All of them, the default one last."""
        return self.filter_chains + ((self.default_filter_chain,) if self.default_filter_chain else ())
