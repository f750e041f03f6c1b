"""TLS contexts: which secrets they need, which protocols are too old."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.tls import CommonTlsContext, Secret, UpstreamTlsContext
from tests.sidecar.config.tables import refusal

MESH: dict[str, Any] = {
    "alpn_protocols": ["istio-peer-exchange", "istio"],
    "tls_certificate_sds_secret_configs": [{"name": "default"}],
    "combined_validation_context": {
        "default_validation_context": {
            "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": "spiffe://td/ns/a/sa/b"}}]
        },
        "validation_context_sds_secret_config": {"name": "ROOTCA"},
    },
}


def test_the_meshs_own_context() -> None:
    context = decode(CommonTlsContext, MESH)
    assert context.secret_names == ("default", "ROOTCA")
    assert context.validation is not None
    assert context.validation.match_typed_subject_alt_names[0].matcher.exact == "spiffe://td/ns/a/sa/b"


def test_nothing_to_verify() -> None:
    context = decode(CommonTlsContext, {})
    assert (context.secret_names, context.validation) == ((), None)


@pytest.mark.parametrize(
    ("message", "value", "path"),
    [
        (
            CommonTlsContext,
            {"tls_params": {"tls_minimum_protocol_version": "TLSv1_1"}},
            "tls_params.tls_minimum_protocol_version",
        ),
        (CommonTlsContext, {"alpn_protocols": [""]}, "alpn_protocols[0]"),
        (CommonTlsContext, {"validation_context": {"crl": {"inline_string": "x"}}}, "validation_context.crl"),
        (
            CommonTlsContext,
            {"tls_certificates": [{"certificate_chain": {"filename": "x"}}]},
            "tls_certificates[0].private_key",
        ),
        (UpstreamTlsContext, {"common_tls_context": {}, "allow_renegotiation": True}, "allow_renegotiation"),
        (UpstreamTlsContext, {}, "common_tls_context"),
        (Secret, {"name": "x"}, ""),
        (Secret, {"name": "x", "session_ticket_keys": {}}, "session_ticket_keys"),
    ],
)
def test_refused(message: Any, value: dict[str, Any], path: str) -> None:
    assert refusal(message, value).path == path
