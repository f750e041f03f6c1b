"""The environment of an injected container, as the kubelet gives it, and what is wrong with a bad one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.control.node import SettingsError, duration_s, mesh_settings, read_labels, resolve

ENVIRONMENT = {
    "POD_NAME": "reviews-v1-abc",
    "POD_NAMESPACE": "default",
    "INSTANCE_IP": "10.244.0.5",
    "SERVICE_ACCOUNT": "bookinfo-reviews",
    "PROXY_CONFIG": '{"discoveryAddress":"127.0.0.1:15012","terminationDrainDuration":"2s"}',
    "CA_ADDR": "127.0.0.1:15012",
    "TRUST_DOMAIN": "cluster.local",
    "ISTIO_META_WORKLOAD_NAME": "reviews-v1",
    "ISTIO_META_CLUSTER_ID": "Kubernetes",
    "POCKETMESH_SANDBOX": "/run/pm/pods/10.244.0.5",
    "POCKETMESH_PROXY_DIR": "/run/pm/proxies/uid",
}


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text(
        'app="reviews"\nversion="v1"\nservice.istio.io/canonical-name="reviews"\nodd="a\\"b"\nbroken\n'
    )
    mounts = {"/etc/istio/pod": str(tmp_path), "/var/run/secrets/tokens": "/host/tokens"}
    settings = mesh_settings("sidecar", {**ENVIRONMENT, "POCKETMESH_MOUNTS": json.dumps(mounts)})
    assert settings.node.id == "sidecar~10.244.0.5~reviews-v1-abc.default~default.svc.cluster.local"
    assert settings.spiffe_id == "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"
    assert settings.token_file == Path("/host/tokens/istio-token")
    assert settings.root_file == Path("/var/run/secrets/istio/root-cert.pem")
    assert settings.sandbox == "/run/pm/pods/10.244.0.5"
    assert (settings.drain_s, settings.status_port) == (2.0, 15021)
    peer = settings.node.peer
    assert (peer.workload, peer.canonical_name, peer.app, peer.version) == ("reviews-v1", "reviews", "reviews", "v1")
    assert settings.node.metadata["LABELS"]["odd"] == 'a"b'
    assert settings.node.metadata["WORKLOAD_NAME"] == "reviews-v1"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"POD_NAME": ""}, "POD_NAME"),
        ({"PROXY_CONFIG": "{"}, "PROXY_CONFIG"),
        ({"POCKETMESH_MOUNTS": "[]"}, "POCKETMESH_MOUNTS"),
        ({"CA_ADDR": "", "PROXY_CONFIG": "{}"}, "discoveryAddress"),
    ],
)
def test_refusals_name_the_variable(change: dict[str, str], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        mesh_settings("sidecar", {**ENVIRONMENT, **change})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b/c", "/inner/c"),
        ("/a/x", "/outer/x"),
        ("/ab", "/ab"),
        ("/a/b", "/inner"),
    ],
)
def test_the_longest_mount_wins(path: str, expected: str) -> None:
    assert resolve(path, {"/a": "/outer", "/a/b": "/inner"}) == Path(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5s", 5), ("1m30s", 90), ("100ms", 0.1), ("24h", 86400), ("", 7), ("5", 7), ("x", 7), (None, 7)],
)
def test_duration(text: str | None, expected: float) -> None:
    assert duration_s(text, 7) == pytest.approx(expected)


def test_no_labels_file() -> None:
    assert read_labels(Path("/nonexistent")) == {}
