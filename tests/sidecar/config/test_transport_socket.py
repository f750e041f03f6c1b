"""Transport sockets, alone and one inside the other."""

from __future__ import annotations

from sidecar.config.decode import decode
from sidecar.config.tls import UpstreamTlsContext
from sidecar.config.transport_socket import (
    DownstreamTransportSocket,
    ProxyProtocolUpstreamTransport,
    TransportSocketMatch,
)
from tests.sidecar.config.tables import refusal

TYPES = "type.googleapis.com/envoy.extensions.transport_sockets."
TLS = {
    "name": "tls",
    "typed_config": {"@type": TYPES + "tls.v3.UpstreamTlsContext", "common_tls_context": {}, "sni": "a"},
}


def test_tls_behind_a_proxy_header() -> None:
    socket = {
        "name": "envoy.transport_sockets.upstream_proxy_protocol",
        "typed_config": {
            "@type": TYPES + "proxy_protocol.v3.ProxyProtocolUpstreamTransport",
            "config": {"version": "V2"},
            "transport_socket": TLS,
        },
    }
    match = decode(TransportSocketMatch, {"name": "a", "match": {"tlsMode": "istio"}, "transport_socket": socket})
    outer = match.transport_socket.typed_config
    assert isinstance(outer, ProxyProtocolUpstreamTransport)
    assert isinstance(outer.transport_socket.typed_config, UpstreamTlsContext)
    assert match.match == {"tlsMode": "istio"}


def test_versions() -> None:
    assert decode(ProxyProtocolUpstreamTransport, {"transport_socket": TLS}).config.version == "V1"
    config = {"config": {"version": "V3"}, "transport_socket": TLS}
    assert refusal(ProxyProtocolUpstreamTransport, config).path == "config.version"
    config = {"config": {"version": "V2", "pass_through_tlvs": {}}, "transport_socket": TLS}
    assert refusal(ProxyProtocolUpstreamTransport, config).path == "config.pass_through_tlvs"


def test_a_listener_has_no_client_side() -> None:
    assert refusal(DownstreamTransportSocket, TLS).path == "typed_config.@type"
