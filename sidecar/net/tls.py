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
from typing import Any, NamedTuple

from sidecar.config.core import DataSource
from sidecar.config.matching import StringMatcher
from sidecar.config.tls import CommonTlsContext, DownstreamTlsContext, SubjectAltNameMatcher, UpstreamTlsContext
from sidecar.net.secrets import Secret, SecretStore

PathResolver = Callable[[str], str]
"""Maps a path of the configuration to one of this machine (volume mounts of a pod)."""

_VERSIONS = {
    "TLS_AUTO": None,
    "TLSv1_2": ssl.TLSVersion.TLSv1_2,
    "TLSv1_3": ssl.TLSVersion.TLSv1_3,
}


class PeerNames(NamedTuple):
    """Subject alternative names of a verified certificate."""

    uris: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    subject: str = ""
    digest: str = ""
    """SHA-256 of the certificate, hex."""


NO_PEER = PeerNames()


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
        subject=subject,
        digest=hashlib.sha256(encoded).hexdigest(),
    )


_SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}


def matches(matcher: StringMatcher, value: str) -> bool:
    """Names of certificates are compared whole or by affix, exactly as configured; an empty name matches nothing."""
    text, wanted = (value.lower(), str.lower) if matcher.ignore_case else (value, str)
    if not value:
        return False
    if matcher.exact is not None:
        return text == wanted(matcher.exact)
    if matcher.prefix is not None:
        return text.startswith(wanted(matcher.prefix))
    if matcher.suffix is not None:
        return text.endswith(wanted(matcher.suffix))
    if matcher.contains is not None:
        return wanted(matcher.contains) in text
    return False


def acceptable(names: PeerNames, typed: tuple[SubjectAltNameMatcher, ...], any_type: tuple[StringMatcher, ...]) -> bool:
    """Whether one of the names is one of those wanted; nothing wanted = everyone whose chain verified."""
    if not typed and not any_type:
        return True
    by_type = {"URI": names.uris, "DNS": names.dns, "IP_ADDRESS": names.addresses}
    return any(matches(one.matcher, name) for one in typed for name in by_type[one.san_type]) or any(
        matches(matcher, name) for matcher in any_type for name in (*names.uris, *names.dns)
    )


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
        self._typed = validation.match_typed_subject_alt_names if validation is not None else ()
        self._any_type = validation.match_subject_alt_names if validation is not None else ()

    def __call__(self) -> ssl.SSLContext | None:
        if self._version != self._secrets.version:
            self._context = self._build()
            self._version = self._secrets.version
        return self._context

    def verify(self, sock: ssl.SSLSocket) -> str:
        """After the handshake: "" = the peer is who it must be, else Envoy's reason."""
        if not self._typed and not self._any_type:
            return ""
        if acceptable(peer_names(sock), self._typed, self._any_type):
            return ""
        return "TLS_error:|CERTIFICATE_VERIFY_FAILED:verify_SAN_list"

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
        if high is not None:
            context.maximum_version = high
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
