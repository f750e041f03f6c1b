"""What is in a volume's files."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mesh.kube.objects import Object
from orchestrator.kubelet.payloads import TokenRequest, payload, token_requests
from orchestrator.kubelet.references import ReferenceFailure

POD: Object = {"metadata": {"name": "p", "namespace": "default", "labels": {"app": "web"}}, "spec": {}}
OBJECTS: dict[tuple[str, str], Object] = {
    ("ConfigMap", "conf"): {"kind": "ConfigMap", "data": {"a.txt": "A", "b.txt": "B"}},
    ("Secret", "keys"): {"kind": "Secret", "data": {"key": base64.b64encode(b"K").decode()}},
}
LABELS = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}


def made(volume: dict[str, Any], **tokens: str) -> Any:
    return payload(POD, volume, lambda kind, name: OBJECTS.get((kind, name)), tokens=tokens, node_ip="127.0.0.1")


@pytest.mark.parametrize(
    ("volume", "files"),
    [
        ({"configMap": {"name": "conf"}}, {"a.txt": (b"A", 0o644), "b.txt": (b"B", 0o644)}),
        (
            {"configMap": {"name": "conf", "defaultMode": 0o400, "items": [{"key": "a.txt", "path": "x/y"}]}},
            {"x/y": (b"A", 0o400)},
        ),
        ({"configMap": {"name": "none", "optional": True}}, {}),
        (
            {"secret": {"secretName": "keys", "items": [{"key": "key", "path": "k", "mode": 0o600}]}},
            {"k": (b"K", 0o600)},
        ),
        ({"downwardAPI": {"items": [LABELS]}}, {"labels": (b'app="web"', 0o644)}),
        ({"emptyDir": {}}, None),
    ],
)
def test_files(volume: dict[str, Any], files: object) -> None:
    assert made({"name": "v", **volume}) == files


def test_projected() -> None:
    sources = [
        {"configMap": {"name": "conf", "items": [{"key": "a.txt", "path": "a"}]}},
        {"secret": {"name": "keys"}},
        {"downwardAPI": {"items": [LABELS]}},
        {"serviceAccountToken": {"path": "token", "audience": "istio-ca", "expirationSeconds": 600}},
    ]
    volume = {"name": "v", "projected": {"sources": sources}}
    assert token_requests(volume) == [TokenRequest("token", "istio-ca", 600)]
    assert made(volume, **{"istio-ca/600": "JWT"}) == {
        "a": (b"A", 0o644),
        "key": (b"K", 0o644),
        "labels": (b'app="web"', 0o644),
        "token": (b"JWT", 0o600),
    }


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"configMap": {"name": "conf", "items": [{"key": "no", "path": "x"}]}}, "non-existent config key: no"),
        ({"configMap": {"name": "conf", "items": [{"key": "a.txt", "path": "../x"}]}}, "leaves its volume"),
        ({"configMap": {"name": "conf", "items": [{"key": "a.txt", "path": "/x"}]}}, "leaves its volume"),
        ({"projected": {"sources": [{"clusterTrustBundle": {}}]}}, "clusterTrustBundle"),
    ],
)
def test_what_is_refused(volume: dict[str, Any], message: str) -> None:
    with pytest.raises(ReferenceFailure, match=message):
        made({"name": "v", **volume})
