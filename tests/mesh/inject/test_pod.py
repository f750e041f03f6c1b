"""What a pod looks like after injection."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from mesh.inject.pod import STATUS_ANNOTATION, identity_of, inject
from mesh.inject.template import ProxySettings

SETTINGS = ProxySettings("1", "127.0.0.1:15012")
POD: dict[str, Any] = {
    "metadata": {
        "generateName": "reviews-v1-5d9f-",
        "labels": {"app": "reviews", "version": "v1", "pod-template-hash": "5d9f"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "reviews-v1-5d9f", "controller": True}
        ],
    },
    "spec": {
        "initContainers": [{"name": "migrate", "image": "m"}],
        "containers": [
            {"name": "app", "image": "a"},
            {"name": "other", "image": "o", "lifecycle": {"preStop": {"exec": {"command": ["x"]}}}},
        ],
        "volumes": [{"name": "data", "emptyDir": {}}],
    },
}


def test_the_proxy_is_the_first_init_container_and_stays() -> None:
    spec = inject(POD, "shop", SETTINGS)["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["istio-proxy", "migrate"]
    proxy = spec["initContainers"][0]
    assert proxy["restartPolicy"] == "Always"
    assert proxy["startupProbe"]["httpGet"] == {"path": "/healthz/ready", "port": 15021}


def test_application_containers_withdraw_before_they_stop() -> None:
    app, other = inject(POD, "shop", SETTINGS)["spec"]["containers"]
    assert app["lifecycle"]["preStop"] == {"httpGet": {"path": "/withdraw", "port": 15020}}
    assert other["lifecycle"]["preStop"] == {"exec": {"command": ["x"]}}


def test_injection_is_idempotent_and_leaves_its_input_alone() -> None:
    before = copy.deepcopy(POD)
    once = inject(POD, "shop", SETTINGS)
    assert before == POD
    assert inject(once, "shop", SETTINGS) is once


def test_volumes_are_added_once() -> None:
    names = [volume["name"] for volume in inject(POD, "shop", SETTINGS)["spec"]["volumes"]]
    assert names == ["data", "istio-token", "istiod-ca-cert", "istio-podinfo"]


def test_labels_and_annotations() -> None:
    meta = inject(POD, "shop", SETTINGS)["metadata"]
    assert meta["labels"]["security.istio.io/tlsMode"] == "istio"
    assert meta["labels"]["service.istio.io/canonical-name"] == "reviews"
    assert meta["labels"]["service.istio.io/canonical-revision"] == "v1"
    assert meta["labels"]["app"] == "reviews"
    assert json.loads(meta["annotations"][STATUS_ANNOTATION])["initContainers"] == ["istio-proxy"]
    assert meta["annotations"]["kubectl.kubernetes.io/default-container"] == "app"


def owned(kind: str, name: str, api_version: str = "apps/v1") -> dict[str, Any]:
    owner = {"apiVersion": api_version, "kind": kind, "name": name, "controller": True}
    return {"metadata": {"name": "p-1", "ownerReferences": [owner]}, "spec": {"containers": []}}


@pytest.mark.parametrize(
    ("pod", "workload", "owner"),
    [
        (POD, "reviews-v1", "kubernetes://apis/apps/v1/namespaces/shop/deployments/reviews-v1"),
        (owned("StatefulSet", "db"), "db", "kubernetes://apis/apps/v1/namespaces/shop/statefulsets/db"),
        (owned("Job", "once", "batch/v1"), "once", "kubernetes://apis/batch/v1/namespaces/shop/jobs/once"),
        (owned("ReplicaSet", "bare"), "bare", "kubernetes://apis/apps/v1/namespaces/shop/replicasets/bare"),
        ({"metadata": {"name": "solo"}, "spec": {}}, "solo", "kubernetes://apis/v1/namespaces/shop/pods/solo"),
    ],
)
def test_workload_and_owner(pod: dict[str, Any], workload: str, owner: str) -> None:
    found = identity_of(pod, "shop")
    assert (found.workload, found.owner) == (workload, owner)


def test_a_pod_without_anything_but_a_container() -> None:
    injected = inject({"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c"}]}}, "shop", SETTINGS)
    assert injected["metadata"]["labels"]["service.istio.io/canonical-name"] == "x"
    assert injected["metadata"]["labels"]["service.istio.io/canonical-revision"] == "latest"
