"""envoy.extensions.transport_sockets.tls.v3: contexts and secrets. Keys are only named or carried here."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from sidecar.config.core import ConfigSource, DataSource
from sidecar.config.matching import StringMatcher
from sidecar.config.message import Message, Range

TlsProtocol = Literal["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"]
ALPN_BYTES_MAX = 255
_HASH = re.compile(r"[0-9A-Fa-f]{64}|([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}")


class TlsParameters(Message, frozen=True, kw_only=True):
    """Older protocols than 1.2 are not spoken. As in Envoy, `cipher_suites` are those of TLS 1.2 only."""

    ONLY_DEFAULT = ("ecdh_curves",)

    tls_minimum_protocol_version: TlsProtocol = "TLS_AUTO"
    tls_maximum_protocol_version: TlsProtocol = "TLS_AUTO"
    cipher_suites: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        for field in ("tls_minimum_protocol_version", "tls_maximum_protocol_version"):
            if getattr(self, field) in {"TLSv1_0", "TLSv1_1"}:
                return field, "unsupported: TLS 1.2 is the oldest"
        return None


class TlsCertificate(Message, frozen=True, kw_only=True):
    certificate_chain: DataSource | None = None
    private_key: DataSource | None = None
    password: DataSource | None = None

    def problem(self) -> tuple[str, str] | None:
        if self.password is not None:
            return "password", "unsupported"
        if self.certificate_chain is None or self.private_key is None:
            missing = "certificate_chain" if self.certificate_chain is None else "private_key"
            return missing, "required"
        return None


class SubjectAltNameMatcher(Message, frozen=True, kw_only=True):
    san_type: Literal["EMAIL", "DNS", "URI", "IP_ADDRESS"]
    matcher: StringMatcher


class CertificateValidationContext(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("trust_chain_verification",)

    trusted_ca: DataSource | None = None
    verify_certificate_hash: tuple[str, ...] = ()
    match_typed_subject_alt_names: tuple[SubjectAltNameMatcher, ...] = ()
    match_subject_alt_names: tuple[StringMatcher, ...] = ()
    """Deprecated: any type of name."""
    trust_chain_verification: Literal["VERIFY_TRUST_CHAIN", "ACCEPT_UNTRUSTED"] = "VERIFY_TRUST_CHAIN"

    def problem(self) -> tuple[str, str] | None:
        for index, one in enumerate(self.verify_certificate_hash):
            if not _HASH.fullmatch(one):
                return f"verify_certificate_hash[{index}]", "must be a SHA-256 in hexadecimal"
        if self.verify_certificate_hash and self.trusted_ca is None:
            return "verify_certificate_hash", "unsupported without trusted_ca"
        return None


class SdsSecretConfig(Message, frozen=True, kw_only=True):
    """`default` and `ROOTCA` are the workload's own; other names come as resources."""

    name: str
    sds_config: ConfigSource | None = None


class CombinedCertificateValidationContext(Message, frozen=True, kw_only=True):
    default_validation_context: CertificateValidationContext = CertificateValidationContext()
    validation_context_sds_secret_config: SdsSecretConfig


class CommonTlsContext(Message, frozen=True, kw_only=True):
    AT_MOST_ONE = (
        ("validation_context", "validation_context_sds_secret_config", "combined_validation_context"),
        ("tls_certificates", "tls_certificate_sds_secret_configs"),
    )

    tls_params: TlsParameters = TlsParameters()
    tls_certificates: tuple[TlsCertificate, ...] = ()
    tls_certificate_sds_secret_configs: tuple[SdsSecretConfig, ...] = ()
    validation_context: CertificateValidationContext | None = None
    validation_context_sds_secret_config: SdsSecretConfig | None = None
    combined_validation_context: CombinedCertificateValidationContext | None = None
    alpn_protocols: tuple[str, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        for index, protocol in enumerate(self.alpn_protocols):
            if not 0 < len(protocol.encode()) <= ALPN_BYTES_MAX:
                return f"alpn_protocols[{index}]", "must have 1 to 255 bytes"
        return None

    @property
    def validation(self) -> CertificateValidationContext | None:
        """What this configuration itself says of the peer; a secret may add the CA."""
        if self.combined_validation_context is not None:
            return self.combined_validation_context.default_validation_context
        return self.validation_context

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Secrets that must be there before a handshake: certificates, then the CA."""
        names = [one.name for one in self.tls_certificate_sds_secret_configs]
        ca = self.validation_context_sds_secret_config
        if self.combined_validation_context is not None:
            ca = self.combined_validation_context.validation_context_sds_secret_config
        return (*names, ca.name) if ca is not None else tuple(names)


class DownstreamTlsContext(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"

    ONLY_DEFAULT = ("require_sni",)

    common_tls_context: CommonTlsContext
    require_client_certificate: bool = False
    require_sni: bool = False
    disable_stateless_session_resumption: bool = False


class UpstreamTlsContext(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"

    ONLY_DEFAULT = ("allow_renegotiation",)

    common_tls_context: CommonTlsContext
    sni: str = ""
    auto_host_sni: bool = False
    """The SNI is the endpoint's hostname, if it has one."""
    auto_sni_san_validation: bool = False
    """One of the certificate's DNS names must be the SNI."""
    allow_renegotiation: bool = False
    max_session_keys: Annotated[int, Range(0, 2**32 - 1)] = 1
    """Sessions to resume that are kept; 0 = none."""

    def problem(self) -> tuple[str, str] | None:
        common = self.common_tls_context
        if self.auto_sni_san_validation and not (self.sni or self.auto_host_sni):
            return "auto_sni_san_validation", "needs sni or auto_host_sni"
        if self.auto_sni_san_validation and common.validation is None:
            return "auto_sni_san_validation", "needs a validation context"
        return None


class Secret(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.transport_sockets.tls.v3.Secret"
    EXACTLY_ONE = (("tls_certificate", "validation_context"),)

    name: str = ""
    tls_certificate: TlsCertificate | None = None
    validation_context: CertificateValidationContext | None = None
