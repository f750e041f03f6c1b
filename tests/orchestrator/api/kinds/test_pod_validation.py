"""What a pod may not be, by field."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.api.kinds.pod_defaults import default_pod
from orchestrator.api.kinds.pod_validation import validate_pod, validate_pod_update


def pod(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"spec": {"containers": [{"name": "a", "image": "x", **(container or {})}], **spec}}
    default_pod(made)
    return made


C = "spec.containers[0]"
RUN: dict[str, Any] = {"exec": {"command": ["x"]}}
INIT: dict[str, Any] = {"name": "i", "image": "x", "readinessProbe": RUN}
TCP: dict[str, Any] = {"tcpSocket": {"port": 1}}
CASES: list[tuple[dict[str, Any], list[str]]] = [
    (pod(), []),
    (pod(containers=[]), ["spec.containers"]),
    (pod({"name": ""}), [f"{C}.name"]),
    (pod({"name": "A_b"}), [f"{C}.name"]),
    (pod({"image": ""}), [f"{C}.image"]),
    (pod({"image": " x"}), [f"{C}.image"]),
    (pod({"imagePullPolicy": "Sometimes"}), [f"{C}.imagePullPolicy"]),
    (pod({"ports": [{"containerPort": 0}]}), [f"{C}.ports[0].containerPort"]),
    (pod({"ports": [{"containerPort": 70000}]}), [f"{C}.ports[0].containerPort"]),
    (pod({"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]}), [f"{C}.ports[1].name"]),
    (pod({"ports": [{"containerPort": 1, "protocol": "ICMP"}]}), [f"{C}.ports[0].protocol"]),
    (pod({"env": [{"name": ""}]}), [f"{C}.env[0].name"]),
    (pod({"env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {}}}]}), [f"{C}.env[0].valueFrom"]),
    (
        pod({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}]}),
        [f"{C}.env[0].valueFrom.secretKeyRef.key"],
    ),
    (pod({"volumeMounts": [{"name": "v", "mountPath": "/x"}]}), [f"{C}.volumeMounts[0].name"]),
    (pod({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}), [f"{C}.resources.requests"]),
    (pod({"livenessProbe": {}}), [f"{C}.livenessProbe"]),
    (pod({"livenessProbe": {**RUN, **TCP}}), [f"{C}.livenessProbe.tcpSocket"]),
    (pod({"livenessProbe": {**TCP, "successThreshold": 2}}), [f"{C}.livenessProbe.successThreshold"]),
    (pod({"restartPolicy": "Always"}), [f"{C}.restartPolicy"]),
    (pod(initContainers=[{"name": "a", "image": "x"}]), [f"{C}.name"]),
    (pod(initContainers=[INIT]), ["spec.initContainers[0].readinessProbe"]),
    (pod(initContainers=[{**INIT, "restartPolicy": "Always"}]), []),
    (pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]), ["spec.volumes[0].hostPath"]),
    (pod(volumes=[{"name": "v", "secret": {}}]), ["spec.volumes[0].secret.secretName"]),
    (pod(volumes=[{"name": "v"}, {"name": "v"}]), ["spec.volumes[1].name"]),
    (pod(restartPolicy="Maybe"), ["spec.restartPolicy"]),
    (pod(dnsPolicy="x"), ["spec.dnsPolicy"]),
    (pod(terminationGracePeriodSeconds=-1), ["spec.terminationGracePeriodSeconds"]),
]  # fmt: skip


@pytest.mark.parametrize(("obj", "fields"), CASES, ids=[str(index) for index in range(len(CASES))])
def test_fields(obj: dict[str, Any], fields: list[str]) -> None:
    assert [cause.field for cause in validate_pod(obj)] == fields


def test_updates() -> None:
    old = pod()
    assert not validate_pod_update(pod({"image": "y"}), old)
    assert not validate_pod_update(pod(tolerations=[{"key": "a"}]), old)
    assert validate_pod_update(pod({"command": ["x"]}), old)[0].reason == "FieldValueForbidden"
