"""Secrets that come as resources, and which of them a configuration names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sidecar.config.cluster import Cluster
from sidecar.config.core import DataSource
from sidecar.config.refusal import Refusal
from sidecar.config.tls import Secret as SecretConfig
from sidecar.config.tls import UpstreamTlsContext
from sidecar.config.transport_socket import ProxyProtocolUpstreamTransport
from sidecar.net.secrets import Secret
from sidecar.net.tls import PathResolver


def secret_material(config: SecretConfig, resolve: PathResolver) -> Secret | Refusal:
    """What the resource holds or points to."""
    try:
        certificate, validation = config.tls_certificate, config.validation_context
        if certificate is not None:
            chain, key = _read(certificate.certificate_chain, resolve), _read(certificate.private_key, resolve)
            return Secret(certificate_chain=chain, private_key=key)
        authority = validation.trusted_ca if validation is not None else None
        return Secret(trusted_ca=_read(authority, resolve))
    except OSError as failure:
        return Refusal("", f"cannot read {failure.filename}: {failure.strerror}")


def _read(source: DataSource | None, resolve: PathResolver) -> bytes:
    if source is None:
        return b""
    inline = source.inline
    if inline is not None:
        return inline
    if source.environment_variable is not None:
        return os.environ.get(source.environment_variable, "").encode()
    assert source.filename is not None, "configuration requires one of the four"
    return Path(resolve(source.filename)).read_bytes()


def secret_names(config: Cluster) -> set[str]:
    """Of every transport socket of the cluster."""
    sockets: list[Any] = [one.transport_socket.typed_config for one in config.transport_socket_matches]
    if config.transport_socket is not None:
        sockets.append(config.transport_socket.typed_config)
    names: set[str] = set()
    for socket in sockets:
        inner = socket.transport_socket.typed_config if isinstance(socket, ProxyProtocolUpstreamTransport) else socket
        if isinstance(inner, UpstreamTlsContext):
            names.update(inner.common_tls_context.secret_names)
    return names
