"""Contexts from secrets and files, names of peers, and names that are asked for."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from sidecar.config.core import DataSource
from sidecar.config.matching import StringMatcher
from sidecar.config.tls import (
    CertificateValidationContext,
    CombinedCertificateValidationContext,
    CommonTlsContext,
    DownstreamTlsContext,
    SdsSecretConfig,
    SubjectAltNameMatcher,
    TlsCertificate,
    TlsParameters,
    UpstreamTlsContext,
)
from sidecar.net.secrets import SecretStore
from sidecar.net.tls import NO_PEER, PeerNames, TlsContext, acceptable, certificate_uri, matches, peer_names
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
        validation_context=CertificateValidationContext(trusted_ca=DataSource(inline_bytes=authority.pem))
    )
    client = TlsContext(UpstreamTlsContext(common_tls_context=trusted), SecretStore())()
    assert server is not None
    assert client is not None
    ends = shake(server, client)
    assert seen == ["/etc/crt", "/etc/key"]
    assert ends[1].version() == "TLSv1.3"
    assert peer_names(ends[0]) is NO_PEER  # type: ignore[arg-type]
    assert peer_names(ends[1]).dns == ("a.test",)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("matcher", "value", "expected"),
    [
        (StringMatcher(exact=SPIFFE), SPIFFE, True),
        (StringMatcher(exact=SPIFFE), SPIFFE + "x", False),
        (StringMatcher(exact=SPIFFE), SPIFFE.upper(), False),
        (StringMatcher(exact="A", ignore_case=True), "a", True),
        (StringMatcher(prefix="spiffe://"), SPIFFE, True),
        (StringMatcher(suffix="/sa/b"), SPIFFE, True),
        (StringMatcher(contains="/ns/a/"), SPIFFE, True),
        (StringMatcher(prefix="x"), "", False),
    ],
)
def test_matches(matcher: StringMatcher, value: str, expected: bool) -> None:
    assert matches(matcher, value) == expected


def test_acceptable_looks_at_the_type() -> None:
    wanted = (SubjectAltNameMatcher(san_type="URI", matcher=StringMatcher(exact="a")),)
    assert acceptable(PeerNames(uris=("a",)), wanted, ())
    assert not acceptable(PeerNames(dns=("a",)), wanted, ())
    assert acceptable(PeerNames(dns=("a",)), (), (StringMatcher(exact="a"),))
    assert acceptable(NO_PEER, (), ())
    assert certificate_uri(Authority().issue(SPIFFE).certificate_chain) == SPIFFE
