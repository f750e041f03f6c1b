"""TLS contexts: mTLS between workloads, TLS towards servers outside, TLS at gateways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mesh.istio.values import items, text
from mesh.translate.resources import ADS_SOURCE, Resource, config

WORKLOAD_CERTIFICATE = "default"
SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"
"""Whom a server outside the mesh must be certified by when a DestinationRule names no CA."""

ROOT_CERTIFICATES = "ROOTCA"
SECRET_PREFIX = "kubernetes://"
CA_SUFFIX = "-cacert"
"""The Secret with a gateway's client CA, beside the one with its certificate."""

HTTP_ALPN = ["istio-http/1.1", "istio"]
TCP_ALPN = ["istio-peer-exchange", "istio"]
SERVER_HTTP_ALPN = ["istio-http/1.1", "http/1.1"]
PUBLIC_ALPN = ["http/1.1"]
PROTOCOL_VERSIONS = {"TLSV1_0": "TLSv1_0", "TLSV1_1": "TLSv1_1", "TLSV1_2": "TLSv1_2", "TLSV1_3": "TLSv1_3"}


def raw_buffer() -> Resource:
    return {"name": "envoy.transport_sockets.raw_buffer", "typed_config": config("raw_buffer")}


def behind_proxy_protocol(inner: Resource) -> Resource:
    """PROXY protocol v2 first, then `inner`: says source and original destination where an address cannot."""
    return {
        "name": "envoy.transport_sockets.upstream_proxy_protocol",
        "typed_config": config("upstream_proxy_protocol", config={"version": "V2"}, transport_socket=inner),
    }


def mesh_upstream(*, sni: str, spiffe_ids: Sequence[str], http: bool) -> Resource:
    """mTLS to a workload that must prove one of `spiffe_ids` (none = any identity of the mesh)."""
    common: Resource = {
        "alpn_protocols": HTTP_ALPN if http else TCP_ALPN,
        "tls_certificate_sds_secret_configs": [{"name": WORKLOAD_CERTIFICATE}],
        "combined_validation_context": _mesh_validation(spiffe_ids),
    }
    return _upstream(common, sni)


def workload_downstream(http: bool) -> Resource:
    """mTLS from another workload: it must show a certificate of the mesh, who it is policies decide."""
    common: Resource = {
        "alpn_protocols": SERVER_HTTP_ALPN if http else TCP_ALPN,
        "tls_certificate_sds_secret_configs": [{"name": WORKLOAD_CERTIFICATE}],
        "combined_validation_context": _mesh_validation(()),
    }
    return _downstream(common, client_certificate=True)


def custom_upstream(spec: Mapping[str, Any], host: str) -> Resource:
    """A DestinationRule's `tls` of mode SIMPLE or MUTUAL. Without a CA of its own the system's roots are trusted."""
    sni = text(spec.get("sni")) or ("" if host.startswith("*") else host)
    common: Resource = {}
    if text(spec.get("mode")) == "MUTUAL":
        common["tls_certificates"] = [
            {
                "certificate_chain": {"filename": text(spec.get("clientCertificate"))},
                "private_key": {"filename": text(spec.get("privateKey"))},
            }
        ]
    if not spec.get("insecureSkipVerify"):
        common["validation_context"] = _server_validation(spec, sni)
    return _upstream(common, sni)


def gateway_downstream(spec: Mapping[str, Any], mode: str, credential: str) -> Resource:
    """TLS of a Gateway's server that terminates it. `credential` is a Secret's name, or namespace/name."""
    if mode == "ISTIO_MUTUAL":
        return workload_downstream(http=True)
    common: Resource = {"alpn_protocols": PUBLIC_ALPN}
    parameters = _parameters(spec)
    if parameters:
        common["tls_params"] = parameters
    if credential:
        common["tls_certificate_sds_secret_configs"] = [_secret(secret_name(credential))]
    else:
        common["tls_certificates"] = [
            {
                "certificate_chain": {"filename": text(spec.get("serverCertificate"))},
                "private_key": {"filename": text(spec.get("privateKey"))},
            }
        ]
    names = [{"san_type": "DNS", "matcher": {"exact": text(name)}} for name in items(spec.get("subjectAltNames"))]
    if mode in ("MUTUAL", "OPTIONAL_MUTUAL"):
        default: Resource = {"match_typed_subject_alt_names": names} if names else {}
        if credential:
            common["combined_validation_context"] = {
                "default_validation_context": default,
                "validation_context_sds_secret_config": _secret(secret_name(credential) + CA_SUFFIX),
            }
        else:
            common["validation_context"] = {"trusted_ca": {"filename": text(spec.get("caCertificates"))}, **default}
    return _downstream(common, client_certificate=mode == "MUTUAL")


def secret_name(credential: str) -> str:
    return f"{SECRET_PREFIX}{credential}"


def _mesh_validation(spiffe_ids: Sequence[str]) -> Resource:
    default: Resource = {}
    if spiffe_ids:
        default["match_typed_subject_alt_names"] = [
            {"san_type": "URI", "matcher": {"exact": spiffe_id}} for spiffe_id in spiffe_ids
        ]
    return {
        "default_validation_context": default,
        "validation_context_sds_secret_config": {"name": ROOT_CERTIFICATES},
    }


def _server_validation(spec: Mapping[str, Any], sni: str) -> Resource:
    names = [text(name) for name in items(spec.get("subjectAltNames"))] or ([sni] if sni else [])
    authority = text(spec.get("caCertificates"))
    found: Resource = {"trusted_ca": {"filename": authority or SYSTEM_ROOTS}}
    if names:
        found["match_typed_subject_alt_names"] = [
            {"san_type": "URI" if name.startswith("spiffe://") else "DNS", "matcher": {"exact": name}} for name in names
        ]
    return found


def _parameters(spec: Mapping[str, Any]) -> Resource:
    found: Resource = {}
    for key, target in (("minProtocolVersion", "tls_minimum_protocol_version"),
                        ("maxProtocolVersion", "tls_maximum_protocol_version")):  # fmt: skip
        version = PROTOCOL_VERSIONS.get(text(spec.get(key)))
        if version:
            found[target] = version
    if items(spec.get("cipherSuites")):
        found["cipher_suites"] = [text(suite) for suite in items(spec["cipherSuites"])]
    return found


def _secret(name: str) -> Resource:
    return {"name": name, "sds_config": ADS_SOURCE}


def _upstream(common: Resource, sni: str) -> Resource:
    # Envoy's own maximum towards upstreams is TLS 1.2; Istio raises it.
    parameters = {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}
    fields: Resource = {"common_tls_context": {"tls_params": parameters, **common}}
    if sni:
        fields["sni"] = sni
    return {"name": "envoy.transport_sockets.tls", "typed_config": config("upstream_tls", **fields)}


def _downstream(common: Resource, *, client_certificate: bool) -> Resource:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": config(
            "downstream_tls", common_tls_context=common, require_client_certificate=client_certificate
        ),
    }
