"""The proxy's container says what the proxy needs to know."""

from __future__ import annotations

import json

import pytest

from mesh.inject.template import (
    LIMITS,
    REQUESTS,
    VOLUMES,
    ProxyIdentity,
    ProxySettings,
    proxy_container,
    resources,
    volumes,
)

SETTINGS = ProxySettings("1.2.3", "127.0.0.1:15012", "example.org", 100.0)
IDENTITY = ProxyIdentity("reviews", "kubernetes://o", ("app", "log"), "reviews", "v1")


def test_environment() -> None:
    container = proxy_container("sidecar", SETTINGS, IDENTITY, annotations={})
    env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
    config = json.loads(str(env["PROXY_CONFIG"]))
    assert config["discoveryAddress"] == env["CA_ADDR"] == "127.0.0.1:15012"
    assert config["tracing"] == {"sampling": 100.0}
    assert env["TRUST_DOMAIN"] == "example.org"
    assert env["ISTIO_META_APP_CONTAINERS"] == "app,log"
    assert env["POD_NAME"] == {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
    assert env["INSTANCE_IP"] == {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}


def test_image_and_role() -> None:
    container = proxy_container("router", SETTINGS, IDENTITY, annotations={}, ready_port=4321)
    assert (container["image"], container["args"]) == ("docker.io/pocketmesh/proxyv2:1.2.3", ["proxy", "router"])
    assert container["readinessProbe"]["httpGet"] == {"path": "/healthz/ready", "port": 4321}


def test_every_volume_is_mounted() -> None:
    container = proxy_container("sidecar", SETTINGS, IDENTITY, annotations={})
    assert sorted(mount["name"] for mount in container["volumeMounts"]) == sorted(VOLUMES)
    assert [volume["name"] for volume in volumes()] == list(VOLUMES)
    token = volumes()[0]["projected"]["sources"][0]["serviceAccountToken"]
    assert (token["audience"], token["path"]) == ("istio-ca", "istio-token")


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, {"requests": REQUESTS, "limits": LIMITS}),
        ({"sidecar.istio.io/proxyCPU": "1"}, {"requests": {"cpu": "1"}}),
        (
            {"sidecar.istio.io/proxyMemory": "1Gi", "sidecar.istio.io/proxyCPULimit": "3"},
            {"requests": {"memory": "1Gi"}, "limits": {"cpu": "3"}},
        ),
    ],
)
def test_resources(annotations: dict[str, str], expected: dict[str, dict[str, str]]) -> None:
    assert resources(annotations) == expected
