"""Signing with the root key.

A certificate's identity is never taken from the request: the caller of `sign_workload` says who the requester proved
to be, and a CSR that names anybody else is refused. Keys stay with the workload; the CSR's signature proves that the
requester holds the private one.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh.ca.identity import Identity

ROOT_LIFE = dt.timedelta(days=3650)  # Istio's self-signed root: ten years
WORKLOAD_TTL_DEFAULT_S = 24 * 3600.0
WORKLOAD_TTL_MAX_S = 90 * 24 * 3600.0
CLOCK_SKEW = dt.timedelta(minutes=2)
"""Certificates start this long before now, as Istio's do, so that a slow clock accepts a fresh one."""
CSR_BYTES_MAX = 16 * 1024
RSA_BITS_MIN = 2048
CURVES = ("secp256r1", "secp384r1")


@dataclass(frozen=True, slots=True)
class Refusal:
    """`status` is the HTTP status that says it best."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class KeyPair:
    """PEM. `chain` is leaf first and ends with the root."""

    key: bytes
    chain: bytes


class Authority:
    """One signing key and its certificate; `root_pem` is what peers must trust."""

    def __init__(self, key: CertificateIssuerPrivateKeyTypes, certificate: x509.Certificate) -> None:
        self._key = key
        self.certificate = certificate

    @classmethod
    def create(cls, *, now: dt.datetime, organization: str) -> Authority:
        """A fresh self-signed P-256 root; `organization` is the trust domain, as in Istio."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])
        usage = _usage(digital_signature=False, key_cert_sign=True)
        certificate = (
            _builder(name, key.public_key(), now=now - CLOCK_SKEW, until=now + ROOT_LIFE)
            .subject_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @classmethod
    def from_pem(cls, *, key: bytes, certificate: bytes) -> Authority:
        """Raises ValueError when the material cannot be read or the two do not belong together."""
        loaded = serialization.load_pem_private_key(key, password=None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError("the root key must be ECDSA or RSA")
        parsed = x509.load_pem_x509_certificate(certificate)
        if _public_bytes(parsed.public_key()) != _public_bytes(loaded.public_key()):
            raise ValueError("the root key does not belong to the root certificate")
        return cls(loaded, parsed)

    @property
    def root_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign_workload(
        self, csr_pem: bytes, identity: Identity, *, ttl_s: float, now: dt.datetime
    ) -> list[str] | Refusal:
        """`[leaf, root]` as PEM; the leaf never outlives the root."""
        csr = _read_csr(csr_pem, identity)
        if isinstance(csr, Refusal):
            return csr
        until = min(now + dt.timedelta(seconds=ttl_s), self.certificate.not_valid_after_utc)
        leaf = (
            self._leaf(csr.public_key(), now=now, until=until)
            # SPIFFE X.509-SVID 4.1: the SAN is critical because the subject is empty.
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(str(identity))]), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return [leaf.public_bytes(serialization.Encoding.PEM).decode(), self.root_pem.decode()]

    def issue_server(self, names: list[str], *, ttl_s: float, now: dt.datetime) -> KeyPair:
        """A key and certificate of our own for host names and IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = min(now + dt.timedelta(seconds=ttl_s), self.certificate.not_valid_after_utc)
        leaf = (
            self._leaf(key.public_key(), now=now, until=until)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return KeyPair(private, leaf.public_bytes(serialization.Encoding.PEM) + self.root_pem)

    def _leaf(
        self, public_key: CertificatePublicKeyTypes, *, now: dt.datetime, until: dt.datetime
    ) -> x509.CertificateBuilder:
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            _builder(self.certificate.subject, public_key, now=now - CLOCK_SKEW, until=until)
            .subject_name(x509.Name([]))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True, key_cert_sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(issuer_id, critical=False)
        )


def _read_csr(csr_pem: bytes, identity: Identity) -> x509.CertificateSigningRequest | Refusal:
    if len(csr_pem) > CSR_BYTES_MAX:
        return Refusal(400, "the certificate request is too long")
    try:
        csr = x509.load_pem_x509_csr(csr_pem)
        if not csr.is_signature_valid:
            return Refusal(400, "the certificate request's signature is wrong")
        public_key = csr.public_key()
        names = list(csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    except (ValueError, InvalidSignature, TypeError) as failure:
        return Refusal(400, f"the certificate request cannot be read: {failure}")
    if not _strong(public_key):
        return Refusal(400, "the key must be ECDSA P-256 or P-384, or RSA of at least 2048 bits")
    for name in names:
        if not isinstance(name, x509.UniformResourceIdentifier) or name.value != str(identity):
            return Refusal(403, f"the certificate request names {name.value}, the caller is {identity}")
    return csr


def _strong(public_key: object) -> bool:
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return public_key.curve.name in CURVES
    return isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size >= RSA_BITS_MIN


def _public_bytes(public_key: object) -> bytes:
    assert isinstance(public_key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _builder(
    issuer: x509.Name, public_key: CertificatePublicKeyTypes, *, now: dt.datetime, until: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(until)
    )


def _usage(*, digital_signature: bool, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_encipherment=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
