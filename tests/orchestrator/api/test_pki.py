"""Keys and certificates: kept, renewed, private."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from orchestrator.api import pki as module
from orchestrator.api.pki import Pki, write_private


def test_files_are_kept_and_private(tmp_path: Path) -> None:
    first = Pki(tmp_path)
    client = first.client("admin", "admin", ("system:masters",))
    second = Pki(tmp_path)
    assert (second.authority, second.server, second.signing_key) == (first.authority, first.server, first.signing_key)
    assert second.client("admin", "admin", ("system:masters",)) == client
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_certificates_say_who_and_what_for(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    server = x509.load_pem_x509_certificate(pki.server.certificate)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    assert {str(ip) for ip in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1", "10.96.0.1"}
    authority = x509.load_pem_x509_certificate(pki.authority.certificate)
    server.verify_directly_issued_by(authority)


def test_renewal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CERTIFICATE_DAYS", 30)
    first = Pki(tmp_path)
    monkeypatch.setattr(module, "CERTIFICATE_DAYS", 365)
    second = Pki(tmp_path)
    assert second.authority == first.authority
    assert second.server != first.server
    renewed = x509.load_pem_x509_certificate(second.server.certificate)
    assert renewed.not_valid_after_utc - renewed.not_valid_before_utc > timedelta(days=360)


def test_a_new_authority_signs_anew(tmp_path: Path) -> None:
    first = Pki(tmp_path)
    (tmp_path / "ca.pem").unlink()
    assert Pki(tmp_path).server != first.server


def test_files_are_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_private(path, b"1")
    write_private(path, b"2")
    assert path.read_bytes() == b"2"
    assert [p.name for p in path.parent.iterdir()] == ["file"]
