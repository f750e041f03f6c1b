"""Contexts from secrets and files, names of peers, and names that are asked for."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest

from sidecar.config.core import DataSource
from sidecar.config.decode import decode
from sidecar.config.tls import (
    CertificateValidationContext,
    CombinedCertificateValidationContext,
    CommonTlsContext,
    DownstreamTlsContext,
    SdsSecretConfig,
    TlsCertificate,
    TlsParameters,
    UpstreamTlsContext,
)
from sidecar.net.san import NO_PEER
from sidecar.net.secrets import Secret, SecretStore
from sidecar.net.tls import TlsContext, certificate_uri, digests, peer_names
from tests.sidecar.certificates import Authority

SPIFFE = "spiffe://cluster.local/ns/a/sa/b"


def shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "a.test") -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A handshake in memory; raises what either side raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=name),
    ]
    left = list(ends)
    for _ in range(10):
        for end in list(left):
            try:
                end.do_handshake()
                left.remove(end)
            except ssl.SSLWantReadError:
                pass
    assert not left
    return ends[0], ends[1]


MESH = CommonTlsContext(
    tls_certificate_sds_secret_configs=(SdsSecretConfig(name="default"),),
    combined_validation_context=CombinedCertificateValidationContext(
        validation_context_sds_secret_config=SdsSecretConfig(name="ROOTCA")
    ),
    alpn_protocols=("istio",),
)


def test_mesh_contexts_follow_their_secrets() -> None:
    authority = Authority()
    secrets = SecretStore()
    server = TlsContext(DownstreamTlsContext(common_tls_context=MESH, require_client_certificate=True), secrets)
    client = TlsContext(UpstreamTlsContext(common_tls_context=MESH), secrets)
    assert server() is None
    ready = authority.store(SPIFFE)
    for name in ready.names():
        secret = ready.get(name)
        assert secret is not None
        secrets.set(name, secret)
    first, other = server(), client()
    assert first is not None
    assert other is not None
    assert server() is first
    assert server.local_uri == SPIFFE
    ends = shake(first, other)
    assert ends[0].selected_alpn_protocol() == "istio"
    names = peer_names(ends[0])  # type: ignore[arg-type]
    assert names.uris == (SPIFFE,)
    assert len(names.digest) == 64
    secrets.set("other", ready.get("default"))  # type: ignore[arg-type]
    assert server() is not first


def test_strangers_are_refused() -> None:
    server = TlsContext(
        DownstreamTlsContext(common_tls_context=MESH, require_client_certificate=True), Authority().store(SPIFFE)
    )()
    client = TlsContext(UpstreamTlsContext(common_tls_context=MESH), Authority().store(SPIFFE))()
    assert server is not None
    assert client is not None
    with pytest.raises(ssl.SSLError):
        shake(server, client)


def test_files_and_versions(tmp_path: Path) -> None:
    authority = Authority()
    issued = authority.issue("a.test")
    (tmp_path / "crt").write_bytes(issued.certificate_chain)
    (tmp_path / "key").write_bytes(issued.private_key)
    common = CommonTlsContext(
        tls_certificates=(
            TlsCertificate(
                certificate_chain=DataSource(filename="/etc/crt"), private_key=DataSource(filename="/etc/key")
            ),
        ),
        tls_params=TlsParameters(tls_minimum_protocol_version="TLSv1_3", tls_maximum_protocol_version="TLSv1_3"),
    )
    seen: list[str] = []

    def resolve(path: str) -> str:
        seen.append(path)
        return str(tmp_path / Path(path).name)

    server = TlsContext(DownstreamTlsContext(common_tls_context=common), SecretStore(), resolve=resolve)()
    trusted = CommonTlsContext(
        validation_context=CertificateValidationContext(trusted_ca=DataSource(inline_bytes=authority.pem)),
        tls_params=TlsParameters(tls_maximum_protocol_version="TLSv1_3"),
    )
    client = TlsContext(UpstreamTlsContext(common_tls_context=trusted), SecretStore())()
    assert server is not None
    assert client is not None
    ends = shake(server, client)
    assert seen == ["/etc/crt", "/etc/key"]
    assert ends[1].version() == "TLSv1.3"
    assert peer_names(ends[0]) is NO_PEER  # type: ignore[arg-type]
    assert peer_names(ends[1]).dns == ("a.test",)  # type: ignore[arg-type]


def test_a_certificates_uri() -> None:
    assert certificate_uri(Authority().issue(SPIFFE).certificate_chain) == SPIFFE


def verdict(client: TlsContext, server: TlsContext, name: str) -> str:
    """What the client says of the server, after a real handshake."""
    ends = shake(built(server), built(client), name)
    return client.verify(ends[1])  # type: ignore[arg-type]


def built(context: TlsContext) -> ssl.SSLContext:
    made = context()
    assert made is not None
    return made


def client_of(authority: Authority, validation: dict[str, Any], **fields: Any) -> TlsContext:
    trusted = {"trusted_ca": {"inline_string": authority.pem.decode()}, **validation}
    config = decode(UpstreamTlsContext, {"common_tls_context": {"validation_context": trusted}, **fields})
    return TlsContext(config, SecretStore())


def server_of(secret: Secret) -> TlsContext:
    certificate = {
        "certificate_chain": {"inline_string": secret.certificate_chain.decode()},
        "private_key": {"inline_string": secret.private_key.decode()},
    }
    config = decode(DownstreamTlsContext, {"common_tls_context": {"tls_certificates": [certificate]}})
    return TlsContext(config, SecretStore())


REFUSED = "TLS_error:|CERTIFICATE_VERIFY_FAILED:verify_"


def test_who_the_server_must_be() -> None:
    authority = Authority()
    secret = authority.issue("*.a.test")
    server = server_of(secret)
    digest = hashlib.sha256(
        ssl.PEM_cert_to_DER_cert(secret.certificate_chain.decode().split("-----END")[0] + "-----END CERTIFICATE-----\n")
    ).hexdigest()
    typed = [{"san_type": "DNS", "matcher": {"exact": "b.a.test"}}]
    table: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({}, {}, ""),
        ({"match_typed_subject_alt_names": typed}, {}, ""),
        ({"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "c.test"}}]}, {}, "SAN_list"),
        ({"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"safe_regex": {"regex": ".*a[.]test"}}}]},
         {}, ""),
        ({"verify_certificate_hash": [digest]}, {}, ""),
        ({"verify_certificate_hash": [digest.upper()], "match_typed_subject_alt_names": typed}, {}, ""),
        ({"verify_certificate_hash": ["00" * 32]}, {}, "cert_hash"),
        ({}, {"sni": "b.a.test", "auto_sni_san_validation": True}, ""),
        ({}, {"sni": "b.c.test", "auto_sni_san_validation": True}, "SAN_list"),
    ]  # fmt: skip
    for validation, fields, problem in table:
        found = verdict(client_of(authority, validation, **fields), server, fields.get("sni", "x.test"))
        assert found == (REFUSED + problem if problem else ""), (validation, fields)


def test_towards_upstreams_tls_1_2_is_the_highest_unless_asked_for() -> None:
    authority = Authority()
    server = server_of(authority.issue("a.test"))
    for parameters, version in (
        ({}, "TLSv1.2"),
        ({"tls_maximum_protocol_version": "TLSv1_3"}, "TLSv1.3"),
        ({"tls_minimum_protocol_version": "TLSv1_3"}, "TLSv1.3"),
    ):
        trusted = {"trusted_ca": {"inline_string": authority.pem.decode()}}
        common = {"tls_params": parameters, "validation_context": trusted}
        config = decode(UpstreamTlsContext, {"common_tls_context": common})
        client = TlsContext(config, SecretStore())
        assert shake(built(server), built(client))[1].version() == version


def test_digests_with_colons() -> None:
    assert digests(("AB:cd",)) == {"abcd"}
