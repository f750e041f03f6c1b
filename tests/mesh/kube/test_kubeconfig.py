"""Kubeconfig files: contexts, inline data and files, what is refused; and the in-cluster form."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest
import trustme
import yaml

from mesh.kube.kubeconfig import KubeconfigError, from_kubeconfig, in_cluster


def write(path: Path, user: dict[str, object], *, inline: bool = True) -> Path:
    authority = trustme.CA().cert_pem.bytes()
    (path / "ca.pem").write_bytes(authority)
    data = {"certificate-authority-data": base64.b64encode(authority).decode()}
    cluster = data if inline else {"certificate-authority": "ca.pem"}
    config = {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u"}},
            {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    (path / "config").write_text(yaml.safe_dump(config))
    return path / "config"


@pytest.mark.parametrize("inline", [True, False])
def test_contexts(tmp_path: Path, inline: bool) -> None:
    path = write(tmp_path, {"token": "secret"}, inline=inline)
    endpoint = from_kubeconfig(path)
    assert endpoint.server == "https://127.0.0.1:1"
    assert endpoint.token is not None
    assert endpoint.token() == "secret"
    assert endpoint.tls.verify_mode is ssl.CERT_REQUIRED
    assert from_kubeconfig(path, context="two").namespace == "team"


def test_token_files_are_read_anew(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    endpoint = from_kubeconfig(write(tmp_path, {"tokenFile": "token"}))
    assert endpoint.token is not None
    assert endpoint.token() == "first"
    (tmp_path / "token").write_text("second")
    assert endpoint.token() == "second"


@pytest.mark.parametrize("user", [{"exec": {"command": "x"}}, {"auth-provider": {"name": "x"}}])
def test_plugins_are_refused(tmp_path: Path, user: dict[str, object]) -> None:
    with pytest.raises(KubeconfigError, match="not supported"):
        from_kubeconfig(write(tmp_path, user))


def test_broken_files(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError):
        from_kubeconfig(tmp_path / "absent")
    with pytest.raises(KubeconfigError, match="no entry named 'three'"):
        from_kubeconfig(write(tmp_path, {}), context="three")
    (tmp_path / "config").write_text("a: [")
    with pytest.raises(KubeconfigError):
        from_kubeconfig(tmp_path / "config")


def test_in_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(KubeconfigError, match="not in a pod"):
        in_cluster(folder=tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    (tmp_path / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    (tmp_path / "token").write_text("t")
    (tmp_path / "namespace").write_text("team\n")
    endpoint = in_cluster(folder=tmp_path)
    assert (endpoint.server, endpoint.namespace) == ("https://10.96.0.1:443", "team")
