"""Transport sockets: plain, TLS, and a PROXY protocol header ahead of either."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.message import Mark, Message, Struct
from sidecar.config.tls import DownstreamTlsContext, UpstreamTlsContext


class RawBuffer(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"


class InnerTransportSocket(Message, frozen=True, kw_only=True):
    name: str = ""
    typed_config: Annotated[RawBuffer | UpstreamTlsContext, Mark.ANY]


class ProxyProtocolConfig(Message, frozen=True, kw_only=True):
    version: Literal["V1", "V2"] = "V1"


class ProxyProtocolUpstreamTransport(Message, frozen=True, kw_only=True):
    """The header goes first, then the inner socket's handshake."""

    TYPE = "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"

    config: ProxyProtocolConfig = ProxyProtocolConfig()
    transport_socket: InnerTransportSocket


class UpstreamTransportSocket(Message, frozen=True, kw_only=True):
    name: str = ""
    typed_config: Annotated[RawBuffer | UpstreamTlsContext | ProxyProtocolUpstreamTransport, Mark.ANY]


class DownstreamTransportSocket(Message, frozen=True, kw_only=True):
    name: str = ""
    typed_config: Annotated[RawBuffer | DownstreamTlsContext, Mark.ANY]


class TransportSocketMatch(Message, frozen=True, kw_only=True):
    """Of a cluster: the first whose `match` is a subset of the endpoint's `envoy.transport_socket_match` metadata."""

    name: str
    match: Struct = {}
    transport_socket: UpstreamTransportSocket
