"""Secrets as resources, and the names that clusters ask for."""

from __future__ import annotations

from pathlib import Path

from sidecar.config.cluster import Cluster
from sidecar.config.core import DataSource
from sidecar.config.parse import CLUSTER, parse
from sidecar.config.refusal import Refusal
from sidecar.config.tls import CertificateValidationContext, TlsCertificate
from sidecar.config.tls import Secret as SecretConfig
from sidecar.exchange.secret_resources import secret_material, secret_names
from sidecar.net.secrets import Secret
from tests.sidecar.test_engine import outbound_cluster


def test_material(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"KEY")
    certificate = TlsCertificate(
        certificate_chain=DataSource(inline_string="CERT"), private_key=DataSource(filename="/mnt/key")
    )

    def resolve(path: str) -> str:
        return path.replace("/mnt", str(tmp_path))

    config = SecretConfig(name="s", tls_certificate=certificate)
    assert secret_material(config, resolve) == Secret(certificate_chain=b"CERT", private_key=b"KEY")
    missing = secret_material(config, lambda path: path)
    assert isinstance(missing, Refusal)
    assert "/mnt/key" in missing.reason
    authority = CertificateValidationContext(trusted_ca=DataSource(inline_bytes=b"CA"))
    assert secret_material(SecretConfig(name="s", validation_context=authority), resolve) == Secret(trusted_ca=b"CA")


def test_names(tmp_path: Path) -> None:
    config = parse(CLUSTER, outbound_cluster(tmp_path / "s", "10.0.0.1:80"))
    assert isinstance(config, Cluster)
    assert secret_names(config) == {"default", "ROOTCA"}
