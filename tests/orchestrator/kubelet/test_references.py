"""The downward API."""

from __future__ import annotations

import os
from typing import Any

import pytest

from orchestrator.kubelet.references import ReferenceFailure, field, resource

POD: dict[str, Any] = {
    "metadata": {
        "name": "p",
        "namespace": "shop",
        "uid": "u",
        "labels": {"b": "2", "a": "1"},
        "annotations": {"note": 'say "hi"\nbye\\'},
    },
    "spec": {
        "nodeName": "n",
        "serviceAccountName": "sa",
        "containers": [{"name": "main", "resources": {"limits": {"cpu": "1500m", "memory": "64Mi"}}}],
    },
    "status": {"podIP": "10.244.0.2"},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "u"),
        ("spec.nodeName", "n"),
        ("spec.serviceAccountName", "sa"),
        ("status.podIP", "10.244.0.2"),
        ("status.hostIP", "127.0.0.1"),
        ("metadata.labels['a']", "1"),
        ("metadata.labels['none']", ""),
        ("metadata.labels", 'a="1"\nb="2"'),
        ("metadata.annotations", 'note="say \\"hi\\"\\nbye\\\\"'),
    ],
)
def test_fields(path: str, value: str) -> None:
    assert field(POD, path, "127.0.0.1") == value


def test_unknown_field() -> None:
    with pytest.raises(ReferenceFailure, match=r"spec\.volumes"):
        field(POD, "spec.volumes", "")


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ({"resource": "limits.cpu"}, "2"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "1500"),
        ({"resource": "limits.memory", "divisor": "1Mi"}, "64"),
        ({"resource": "requests.cpu"}, "0"),
    ],
)
def test_resources(reference: dict[str, str], value: str) -> None:
    assert resource(POD, {}, {**reference, "containerName": "main"}) == value
    assert resource(POD, POD["spec"]["containers"][0], reference) == value


def test_without_a_limit_the_machine_is_it() -> None:
    assert resource(POD, {"name": "x"}, {"resource": "limits.cpu"}) == str(os.cpu_count())
