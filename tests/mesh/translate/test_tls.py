"""TLS contexts."""

from __future__ import annotations

from typing import Any

from mesh.translate import tls


def common(socket: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = socket["typed_config"]["common_tls_context"]
    return found


def test_mesh_upstream_names_exact_identities() -> None:
    found = tls.mesh_upstream(sni="outbound_.80_._.a", spiffe_ids=["spiffe://td/ns/a/sa/b"], http=True)
    assert found["typed_config"]["sni"] == "outbound_.80_._.a"
    assert common(found)["alpn_protocols"] == ["istio-http/1.1", "istio"]
    validation = common(found)["combined_validation_context"]
    assert validation["default_validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "URI", "matcher": {"exact": "spiffe://td/ns/a/sa/b"}}
    ]
    assert validation["validation_context_sds_secret_config"] == {"name": "ROOTCA"}
    assert common(found)["tls_certificate_sds_secret_configs"] == [{"name": "default"}]


def test_a_workload_asks_for_a_certificate() -> None:
    assert tls.workload_downstream(http=False)["typed_config"]["require_client_certificate"] is True
    assert common(tls.workload_downstream(http=False))["alpn_protocols"] == ["istio-peer-exchange", "istio"]


def test_servers_outside() -> None:
    simple = tls.custom_upstream({"mode": "SIMPLE"}, "api.example.com")
    assert simple["typed_config"]["sni"] == "api.example.com"
    validation = common(simple)["validation_context"]
    assert validation["trusted_ca"] == {"filename": tls.SYSTEM_ROOTS}
    assert validation["match_typed_subject_alt_names"] == [{"san_type": "DNS", "matcher": {"exact": "api.example.com"}}]
    mutual = {"mode": "MUTUAL", "clientCertificate": "c", "privateKey": "k", "caCertificates": "ca", "sni": "x"}
    found = tls.custom_upstream(mutual, "api.example.com")
    assert found["typed_config"]["sni"] == "x"
    assert common(found)["tls_certificates"][0]["private_key"] == {"filename": "k"}
    assert common(found)["validation_context"]["trusted_ca"] == {"filename": "ca"}
    assert "validation_context" not in common(tls.custom_upstream({"insecureSkipVerify": True}, "a"))


def test_gateways() -> None:
    simple = tls.gateway_downstream({"minProtocolVersion": "TLSV1_3"}, "SIMPLE", "cert")
    assert simple["typed_config"]["require_client_certificate"] is False
    assert common(simple)["tls_certificate_sds_secret_configs"][0]["name"] == "kubernetes://cert"
    assert common(simple)["tls_params"] == {"tls_minimum_protocol_version": "TLSv1_3"}
    mutual = tls.gateway_downstream({}, "MUTUAL", "ns/cert")
    assert mutual["typed_config"]["require_client_certificate"] is True
    names = common(mutual)["combined_validation_context"]["validation_context_sds_secret_config"]["name"]
    assert names == "kubernetes://ns/cert-cacert"
    files = tls.gateway_downstream({"serverCertificate": "c", "privateKey": "k"}, "SIMPLE", "")
    assert common(files)["tls_certificates"][0]["certificate_chain"] == {"filename": "c"}
    assert tls.gateway_downstream({}, "ISTIO_MUTUAL", "") == tls.workload_downstream(http=True)


def test_proxy_protocol_wraps() -> None:
    found = tls.behind_proxy_protocol(tls.raw_buffer())["typed_config"]
    assert found["config"] == {"version": "V2"}
    assert found["transport_socket"]["name"] == "envoy.transport_sockets.raw_buffer"
