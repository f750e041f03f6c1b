"""Identities for tests: one CA, certificates with SPIFFE URIs, as the mesh's own CA makes them."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sidecar.net.secrets import Secret, SecretStore


class Authority:
    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "test mesh")])
        self._certificate = self._sign(self._name, self._key.public_key(), authority=True)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        authority: bool = False,
        names: tuple[x509.GeneralName, ...] = (),
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=True)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, name: str) -> Secret:
        """`spiffe://…` becomes a URI, anything else a DNS name."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: tuple[x509.GeneralName, ...] = (
            (x509.UniformResourceIdentifier(name),) if name.startswith("spiffe:") else (x509.DNSName(name),)
        )
        certificate = self._sign(x509.Name([]), key.public_key(), names=names)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Secret(
            certificate_chain=certificate.public_bytes(serialization.Encoding.PEM) + self.pem, private_key=private
        )

    def store(self, name: str) -> SecretStore:
        """What a proxy of the mesh holds: its own certificate and the root."""
        secrets = SecretStore()
        secrets.set("default", self.issue(name))
        secrets.set("ROOTCA", Secret(trusted_ca=self.pem))
        return secrets
