"""Defaults of pods."""

from __future__ import annotations

import copy

import pytest

from mesh.kube.objects import Object
from orchestrator.api.kinds.pod_defaults import default_pod, prepare_pod, qos_class


def defaulted(**spec: object) -> Object:
    pod: Object = {"spec": {"containers": [{"name": "a", "image": "nginx"}], **spec}}
    default_pod(pod)
    found: Object = pod["spec"]
    return found


def test_pod() -> None:
    spec = defaulted()
    assert {k: v for k, v in spec.items() if k != "containers"} == {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("host:5000/nginx", "Always"),
        ("host:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:0", "IfNotPresent"),
    ],
)
def test_pull_policy(image: str, policy: str) -> None:
    spec = defaulted(containers=[{"name": "a", "image": image}])
    assert spec["containers"][0]["imagePullPolicy"] == policy


def test_defaulting_twice_is_once() -> None:
    spec = defaulted(
        hostNetwork=True,
        initContainers=[{"name": "i", "image": "x", "startupProbe": {"httpGet": {"port": 1}}}],
        containers=[
            {
                "name": "a",
                "image": "x",
                "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": "1"}},
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "livenessProbe": {"grpc": {"port": 1}},
            }
        ],
        volumes=[
            {"name": "e"},
            {"name": "c", "configMap": {"name": "c"}},
            {"name": "h", "hostPath": {"path": "/x"}},
            {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        ],
    )
    container = spec["containers"][0]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP", "hostPort": 80}]
    assert container["resources"]["requests"] == {"cpu": "1"}
    assert container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert container["livenessProbe"]["periodSeconds"] == 10
    assert spec["initContainers"][0]["startupProbe"]["httpGet"] == {"port": 1, "path": "/", "scheme": "HTTP"}
    assert spec["volumes"][0] == {"name": "e", "emptyDir": {}}
    assert spec["volumes"][1]["configMap"]["defaultMode"] == 0o644
    assert spec["volumes"][3]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == 3600
    again = {"spec": copy.deepcopy(spec)}
    default_pod(again)
    assert again["spec"] == spec


BOTH = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"limits": BOTH}, "Guaranteed"),
        ({"limits": BOTH, "requests": BOTH}, "Guaranteed"),
        ({"limits": BOTH, "requests": {**BOTH, "cpu": "500m"}}, "Burstable"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
    ],
)
def test_quality_of_service(resources: dict[str, object], expected: str) -> None:
    spec = {"containers": [{"resources": resources}]}
    assert qos_class(spec) == expected
    pod: Object = {"spec": spec, "status": {"phase": "Running"}}
    prepare_pod(pod, None)
    assert pod["status"] == {"phase": "Pending", "qosClass": expected}
