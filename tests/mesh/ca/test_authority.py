"""What is signed and what is refused. Certificates are checked by a verifier of their own, not by our code."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from mesh.ca.authority import Authority, Refusal
from mesh.ca.identity import Identity

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
REVIEWS = Identity("cluster.local", "shop", "reviews")
AUTHORITY = Authority.create(now=NOW, organization="cluster.local")
KEY = ec.generate_private_key(ec.SECP256R1())
DAY_S = 86400.0


def csr(*names: x509.GeneralName, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signed(request: bytes, ttl_s: float = DAY_S) -> x509.Certificate:
    chain = AUTHORITY.sign_workload(request, REVIEWS, ttl_s=ttl_s, now=NOW)
    assert not isinstance(chain, Refusal), chain
    assert chain[-1].encode() == AUTHORITY.root_pem
    return x509.load_pem_x509_certificate(chain[0].encode())


@pytest.mark.parametrize("names", [(), (x509.UniformResourceIdentifier(str(REVIEWS)),)])
def test_a_leaf_carries_the_callers_identity_whatever_the_request_says(names: tuple[x509.GeneralName, ...]) -> None:
    leaf = signed(csr(*names))
    extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [name.value for name in extension.value] == [str(REVIEWS)]
    assert extension.critical
    assert leaf.public_key() == KEY.public_key()


def test_a_leaf_verifies_as_a_client() -> None:
    store = Store([AUTHORITY.certificate])
    verifier = PolicyBuilder().store(store).time(NOW + dt.timedelta(hours=1)).build_client_verifier()
    verified = verifier.verify(signed(csr()), [])
    assert [str(name.value) for name in verified.subjects or []] == [str(REVIEWS)]


def test_a_leaf_is_no_authority_and_serves_both_sides() -> None:
    leaf = signed(csr())
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


@pytest.mark.parametrize(("ttl_s", "life"), [(2.0, dt.timedelta(seconds=2)), (DAY_S, dt.timedelta(days=1))])
def test_lifetime(ttl_s: float, life: dt.timedelta) -> None:
    leaf = signed(csr(), ttl_s)
    assert leaf.not_valid_after_utc == NOW + life
    assert leaf.not_valid_before_utc < NOW


def test_a_leaf_never_outlives_the_root() -> None:
    assert signed(csr(), 1e10).not_valid_after_utc == AUTHORITY.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    "name",
    [
        x509.UniformResourceIdentifier("spiffe://cluster.local/ns/shop/sa/admin"),
        x509.UniformResourceIdentifier(str(REVIEWS) + "/"),
        x509.DNSName("istiod.istio-system.svc"),
        x509.DNSName(str(REVIEWS)),
        x509.RFC822Name("a@b.c"),
    ],
)
def test_naming_anybody_else_is_refused(name: x509.GeneralName) -> None:
    for names in ((name,), (x509.UniformResourceIdentifier(str(REVIEWS)), name)):
        answer = AUTHORITY.sign_workload(csr(*names), REVIEWS, ttl_s=DAY_S, now=NOW)
        assert isinstance(answer, Refusal)
        assert answer.status == 403


def test_a_request_signed_by_another_key_is_refused() -> None:
    request = bytearray(x509.load_pem_x509_csr(csr()).public_bytes(serialization.Encoding.DER))
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    old = KEY.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    new = other.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    forged = x509.load_der_x509_csr(bytes(request).replace(old, new)).public_bytes(serialization.Encoding.PEM)
    answer = AUTHORITY.sign_workload(forged, REVIEWS, ttl_s=DAY_S, now=NOW)
    assert isinstance(answer, Refusal)
    assert "signature" in answer.reason


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"x",
        csr()[:-40],
        b"x" * 20000,
        csr(key=rsa.generate_private_key(65537, 1024)),
        csr(key=ec.generate_private_key(ec.SECP224R1())),
        AUTHORITY.root_pem,
    ],
    ids=["empty", "garbage", "cut", "long", "weak-rsa", "weak-curve", "certificate"],
)
def test_bad_requests_are_refused(request_: bytes) -> None:
    answer = AUTHORITY.sign_workload(request_, REVIEWS, ttl_s=DAY_S, now=NOW)
    assert isinstance(answer, Refusal)
    assert answer.status == 400


def test_the_root_can_be_kept_and_read_again() -> None:
    again = Authority.from_pem(key=AUTHORITY.key_pem, certificate=AUTHORITY.root_pem)
    assert again.root_pem == AUTHORITY.root_pem
    other = Authority.create(now=NOW, organization="x")
    with pytest.raises(ValueError, match="does not belong"):
        Authority.from_pem(key=other.key_pem, certificate=AUTHORITY.root_pem)


def test_a_server_certificate_has_names_and_addresses() -> None:
    pair = AUTHORITY.issue_server(["istiod.istio-system.svc", "127.0.0.1"], ttl_s=DAY_S, now=NOW)
    leaf = x509.load_pem_x509_certificates(pair.chain)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["istiod.istio-system.svc"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
