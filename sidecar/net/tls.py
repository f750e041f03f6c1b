"""TLS contexts from configuration and secrets, rebuilt when a secret changes; and who a peer proved to be.

Contexts are bare: they trust the CA of their configuration and nothing of the machine. A context is built at first use
and after each change of the store; running connections keep the one they were made with.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sidecar.config.core import DataSource
from sidecar.config.tls import CommonTlsContext, DownstreamTlsContext, UpstreamTlsContext
from sidecar.net.san import NO_PEER, NameCheck, PeerNames, covers
from sidecar.net.secrets import Secret, SecretStore

PathResolver = Callable[[str], str]
"""Maps a path of the configuration to one of this machine (volume mounts of a pod)."""

_VERSIONS = {
    "TLS_AUTO": None,
    "TLSv1_2": ssl.TLSVersion.TLSv1_2,
    "TLSv1_3": ssl.TLSVersion.TLSv1_3,
}


def peer_names(sock: ssl.SSLSocket) -> PeerNames:
    """Of the peer's certificate; `NO_PEER` when it gave none (or none was asked for)."""
    certificate: dict[str, Any] = sock.getpeercert() or {}
    encoded = sock.getpeercert(binary_form=True)
    if encoded is None:
        return NO_PEER
    names: list[tuple[str, str]] = list(certificate.get("subjectAltName", ()))
    subject = ",".join(
        f"{_SHORT.get(key, key)}={value}" for part in certificate.get("subject", ()) for key, value in part
    )
    return PeerNames(
        uris=tuple(value for kind, value in names if kind == "URI"),
        dns=tuple(value for kind, value in names if kind == "DNS"),
        addresses=tuple(value for kind, value in names if kind == "IP Address"),
        emails=tuple(value for kind, value in names if kind == "email"),
        subject=subject,
        digest=hashlib.sha256(encoded).hexdigest(),
    )


_SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}


class TlsContext:
    """The context of one listener chain or cluster. Call it for the current `ssl.SSLContext`; None = secrets miss."""

    def __init__(
        self,
        config: DownstreamTlsContext | UpstreamTlsContext,
        secrets: SecretStore,
        *,
        resolve: PathResolver = lambda path: path,
    ) -> None:
        self._config = config
        self._common = config.common_tls_context
        self._server = isinstance(config, DownstreamTlsContext)
        self._secrets = secrets
        self._resolve = resolve
        self._version = -1
        self._context: ssl.SSLContext | None = None
        self.local_uri = ""
        """URI of our own certificate: who we say we are."""
        self._ciphers = ":".join(self._common.tls_params.cipher_suites)
        if self._ciphers:
            # ssl.SSLError, which is an OSError, for names that OpenSSL does not know: the listener is refused.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(self._ciphers)
        validation = self._common.validation
        self._names = NameCheck(
            validation.match_typed_subject_alt_names if validation is not None else (),
            validation.match_subject_alt_names if validation is not None else (),
        )
        self._digests = digests(validation.verify_certificate_hash if validation is not None else ())
        self._by_sni = isinstance(config, UpstreamTlsContext) and config.auto_sni_san_validation

    def __call__(self) -> ssl.SSLContext | None:
        if self._version != self._secrets.version:
            self._context = self._build()
            self._version = self._secrets.version
        return self._context

    def verify(self, sock: ssl.SSLSocket) -> str:
        """After the handshake: "" = the peer is who it must be, else Envoy's reason."""
        if not self._names and not self._digests and not self._by_sni:
            return ""
        names = peer_names(sock)
        if self._digests and names.digest not in self._digests:
            return "TLS_error:|CERTIFICATE_VERIFY_FAILED:verify_cert_hash"
        if self._by_sni:
            # Takes the place of configured names (Envoy).
            name = sock.server_hostname or ""
            accepted = any(covers(one, name) for one in names.dns)
        else:
            accepted = self._names.accepts(names)
        return "" if accepted else "TLS_error:|CERTIFICATE_VERIFY_FAILED:verify_SAN_list"

    def _build(self) -> ssl.SSLContext | None:
        common = self._common
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if self._server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # A peer may half-close without close_notify (we do): the other direction must go on.
        context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        low, high = (
            _VERSIONS[getattr(common.tls_params, f"tls_{end}_protocol_version")] for end in ("minimum", "maximum")
        )
        context.minimum_version = low or ssl.TLSVersion.TLSv1_2
        if high is None and not self._server:
            high = ssl.TLSVersion.TLSv1_2  # Envoy's default towards upstreams
        if high is not None:
            context.maximum_version = max(high, context.minimum_version)
        if self._ciphers:
            context.set_ciphers(self._ciphers)
        if common.alpn_protocols:
            context.set_alpn_protocols(list(common.alpn_protocols))
        if isinstance(self._config, DownstreamTlsContext) and self._config.disable_stateless_session_resumption:
            context.num_tickets = 0
            context.options |= ssl.OP_NO_TICKET
        return context if self._load_certificates(context) and self._load_trust(context) else None

    def _load_certificates(self, context: ssl.SSLContext) -> bool:
        for wanted in self._common.tls_certificate_sds_secret_configs:
            secret = self._secrets.get(wanted.name)
            if secret is None or not secret.certificate_chain:
                return False
            load_chain(context, secret)
            self.local_uri = certificate_uri(secret.certificate_chain)
        for certificate in self._common.tls_certificates:
            chain, key = self._read(certificate.certificate_chain), self._read(certificate.private_key)
            load_chain(context, Secret(certificate_chain=chain, private_key=key))
        return True

    def _load_trust(self, context: ssl.SSLContext) -> bool:
        authority = self._authority(self._common)
        if authority is None:
            return False
        if authority:
            context.load_verify_locations(cadata=authority.decode())
            required = not self._server or getattr(self._config, "require_client_certificate", False)
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        return True

    def _authority(self, common: CommonTlsContext) -> bytes | None:
        """PEM of the CA; b"" = the peer is not verified; None = its secret has not arrived."""
        combined = common.combined_validation_context
        source = common.validation_context_sds_secret_config
        if combined is not None:
            source = combined.validation_context_sds_secret_config
        if source is not None:
            secret = self._secrets.get(source.name)
            return secret.trusted_ca if secret is not None and secret.trusted_ca else None
        validation = common.validation
        if validation is None or validation.trusted_ca is None:
            return b""
        return self._read(validation.trusted_ca)

    def _read(self, source: DataSource | None) -> bytes:
        assert source is not None, "configuration requires it"
        inline = source.inline
        if inline is not None:
            return inline
        if source.environment_variable is not None:
            return os.environ.get(source.environment_variable, "").encode()
        assert source.filename is not None
        return Path(self._resolve(source.filename)).read_bytes()


def load_chain(context: ssl.SSLContext, secret: Secret) -> None:
    """OpenSSL's Python binding reads files only: the PEM goes through a memfd, never through a disk."""
    with _Memory(secret.certificate_chain) as chain:
        if secret.private_key_path:
            context.load_cert_chain(chain, secret.private_key_path)
            return
        with _Memory(secret.private_key) as key:
            context.load_cert_chain(chain, key)


def certificate_uri(chain: bytes) -> str:
    """The first URI name of a PEM certificate, "" = none. The standard library can only read it from a file."""
    with _Memory(chain) as path:
        decoded: dict[str, Any] = ssl._ssl._test_decode_cert(path)  # type: ignore[attr-defined]
    return next((value for kind, value in decoded.get("subjectAltName", ()) if kind == "URI"), "")


def digests(configured: tuple[str, ...]) -> frozenset[str]:
    """SHA-256 of certificates in hexadecimal, with or without colons."""
    return frozenset(one.replace(":", "").lower() for one in configured)


class _Memory:
    """Bytes as a path for as long as the block runs."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._descriptor = -1

    def __enter__(self) -> str:
        self._descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
        os.write(self._descriptor, self._data)
        return f"/proc/self/fd/{self._descriptor}"

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
