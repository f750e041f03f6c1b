"""Listeners of a router."""

from __future__ import annotations

from tests.support.compiled import router, state

SERVERS = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [a.com]
    tls: {mode: SIMPLE, credentialName: cert}
  - port: {number: 443, name: mutual, protocol: HTTPS}
    hosts: [b.com]
    tls: {mode: MUTUAL, credentialName: cert}
  - port: {number: 8443, name: pass, protocol: TLS}
    hosts: [c.com]
    tls: {mode: PASSTHROUGH}
  - port: {number: 8443, name: term, protocol: TLS}
    hosts: [d.com]
    tls: {mode: SIMPLE, credentialName: cert}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec:
  hosts: [a.com, b.com, c.com, d.com]
  gateways: [front]
  http: [{route: [{destination: {host: productpage}}]}]
  tls: [{match: [{port: 8443, sniHosts: [c.com]}], route: [{destination: {host: reviews, port: {number: 9080}}}]}]
  tcp: [{match: [{port: 8443}], route: [{destination: {host: ratings, port: {number: 9080}}}]}]
"""


def test_plain_http() -> None:
    found = router().listeners["0.0.0.0_18080"]
    (chain,) = found["filter_chains"]
    assert found["address"]["socket_address"] == {"address": "0.0.0.0", "port_value": 18080}
    assert chain["filters"][0]["typed_config"]["rds"]["route_config_name"] == "http.18080"
    assert "transport_socket" not in chain


def test_tls_servers_go_by_server_name() -> None:
    found = router(state(SERVERS, base="")).listeners["0.0.0.0_18443"]
    names = [chain["filter_chain_match"]["server_names"] for chain in found["filter_chains"]]
    assert names == [["a.com"], ["b.com"], ["c.com"], ["d.com"]]
    simple, mutual, passed, terminated = found["filter_chains"]
    assert simple["transport_socket"]["typed_config"]["require_client_certificate"] is False
    assert mutual["transport_socket"]["typed_config"]["require_client_certificate"] is True
    assert simple["filters"][0]["typed_config"]["rds"]["route_config_name"] == "https.443.https.front.default"
    assert "transport_socket" not in passed
    assert passed["filters"][0]["typed_config"]["cluster"] == "outbound|9080||reviews.default.svc.cluster.local"
    assert terminated["filters"][0]["typed_config"]["cluster"] == "outbound|9080||ratings.default.svc.cluster.local"
    assert "transport_socket" in terminated
    assert found["listener_filters"][0]["name"].endswith("tls_inspector")


def test_tcp_without_a_rule_opens_nothing() -> None:
    text = SERVERS.split("---", maxsplit=1)[0].partition("  - port: {number: 443")[0]
    text += "  - port: {number: 80, name: tcp, protocol: TCP}\n    hosts: ['*']\n"
    assert router(state(text, base="")).listeners == {}
