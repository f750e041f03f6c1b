"""Which changes start a compilation."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mesh.xds.relevance import matters

POD = {
    "metadata": {"name": "a", "namespace": "n", "labels": {"app": "a"}, "resourceVersion": "1"},
    "spec": {"nodeName": "x"},
    "status": {"podIP": "10.0.0.1", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}


def changed(obj: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    new = copy.deepcopy(obj)
    *parents, last = path.split(".")
    holder = new
    for name in parents:
        holder = holder.setdefault(name, {})
    holder[last] = value
    return new


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("metadata.resourceVersion", "2", False),
        ("metadata.managedFields", [{}], False),
        ("status.startTime", "now", False),
        ("status.containerStatuses", [{"ready": True}], False),
        ("metadata.labels", {"app": "b"}, True),
        ("metadata.annotations", {"pocketmesh.io/sandbox": "/x"}, True),
        ("metadata.deletionTimestamp", "now", True),
        ("status.podIP", "10.0.0.2", True),
        ("status.phase", "Succeeded", True),
        ("status.conditions", [{"type": "Ready", "status": "False"}], True),
        ("spec.nodeName", "y", True),
    ],
)
def test_pods(path: str, value: object, expected: bool) -> None:
    assert matters("Pod", POD, changed(POD, path, value)) is expected


@pytest.mark.parametrize(
    ("kind", "path", "value", "expected"),
    [
        ("Node", "status.conditions", [{"lastHeartbeatTime": "now"}], False),
        ("Node", "metadata.labels", {"topology.kubernetes.io/zone": "a"}, True),
        ("Namespace", "status.phase", "Terminating", False),
        ("VirtualService", "spec.hosts", ["a"], True),
        ("VirtualService", "status.conditions", [{}], False),
        ("VirtualService", "metadata.generation", 4, False),
        ("EndpointSlice", "endpoints", [{}], True),
        ("Secret", "data", {"tls.crt": "x"}, True),
        ("ConfigMap", "data", {"mesh": "x"}, False),  # some other ConfigMap
    ],
)
def test_other_kinds(kind: str, path: str, value: object, expected: bool) -> None:
    obj = {"metadata": {"name": "x", "namespace": "n"}}
    assert matters(kind, obj, changed(obj, path, value)) is expected


def test_the_mesh_configuration_matters() -> None:
    config = {"metadata": {"name": "istio", "namespace": "istio-system"}, "data": {"mesh": "a"}}
    assert matters("ConfigMap", config, changed(config, "data.mesh", "b"))
    assert not matters("ConfigMap", config, changed(config, "metadata.labels", {"a": "b"}))


def test_coming_and_going_matters() -> None:
    assert matters("Pod", None, POD)
    assert matters("Pod", POD, None)
