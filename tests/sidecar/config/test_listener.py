"""Listeners: chains, filters, and what is read ahead."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.listener import HttpInspector, Listener, ProxyProtocol, TlsInspector
from sidecar.config.tcp_proxy import TcpProxy
from tests.sidecar.config.tables import refusal

TCP = {
    "name": "envoy.filters.network.tcp_proxy",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "x",
        "cluster": "c",
    },
}
CHAIN: dict[str, Any] = {"filters": [TCP]}
INBOUND: dict[str, Any] = {
    "name": "virtualInbound",
    "address": {"pipe": {"path": "/run/x/inbound.sock"}},
    "traffic_direction": "INBOUND",
    "listener_filters": [
        {"name": "p", "typed_config": {"@type": "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"}},
        {"name": "t", "typed_config": {"@type": "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}},
    ],
    "filter_chains": [
        {
            "filter_chain_match": {
                "destination_port": 9080,
                "transport_protocol": "tls",
                "application_protocols": ["istio-http/1.1"],
            },
            **CHAIN,
        }
    ],
    "default_filter_chain": {"name": "rest", **CHAIN},
}


def test_the_inbound_listener() -> None:
    listener = decode(Listener, INBOUND)
    assert listener.has(ProxyProtocol) and listener.has(TlsInspector) and not listener.has(HttpInspector)
    assert [chain.name for chain in listener.chains] == ["", "rest"]
    assert isinstance(listener.chains[0].filter, TcpProxy)
    assert listener.bind_to_port


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"filter_chains": [], "default_filter_chain": None}, "filter_chains"),
        ({"filter_chains": [{"filters": []}]}, "filter_chains[0].filters"),
        ({"filter_chains": [{"filters": [TCP, TCP]}]}, "filter_chains[0].filters"),
        (
            {"filter_chains": [{**CHAIN, "filter_chain_match": {"source_ports": [1]}}]},
            "filter_chains[0].filter_chain_match.source_ports",
        ),
        (
            {"filter_chains": [{**CHAIN, "filter_chain_match": {"server_names": ["a.*"]}}]},
            "filter_chains[0].filter_chain_match.server_names[0]",
        ),
        ({"udp_listener_config": {}}, "udp_listener_config"),
        ({"listener_filters": [{"name": "x"}]}, "listener_filters[0].typed_config"),
    ],
)
def test_refused(value: dict[str, Any], path: str) -> None:
    assert refusal(Listener, {**INBOUND, **value}).path == path
