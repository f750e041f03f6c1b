"""Istio's injection rules as a table."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.inject.policy import has_sidecar, wants_sidecar

ON, OFF = {"istio-injection": "enabled"}, {"istio-injection": "disabled"}
LABEL = "sidecar.istio.io/inject"


def pod(
    labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None, **spec: object
) -> dict[str, Any]:
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}


@pytest.mark.parametrize(
    ("name", "namespace_labels", "one", "expected"),
    [
        ("shop", ON, pod(), True),
        ("shop", OFF, pod(), False),
        ("shop", {}, pod(), False),
        ("shop", {}, pod({LABEL: "true"}), True),
        ("shop", ON, pod({LABEL: "false"}), False),
        ("shop", OFF, pod({LABEL: "true"}), False),
        ("shop", ON, pod(None, {LABEL: "false"}), False),
        ("shop", {}, pod(None, {LABEL: "true"}), True),
        ("shop", ON, pod({LABEL: "true"}, {LABEL: "false"}), True),  # the label goes before the annotation
        ("shop", ON, pod({LABEL: "false"}, {LABEL: "true"}), False),
        ("shop", ON, pod(None, {LABEL: ""}), True),
        ("shop", {}, pod(None, {LABEL: "Yes"}), True),
        ("shop", {}, pod(None, {LABEL: "maybe"}), False),
        ("shop", ON, pod(hostNetwork=True), False),
        ("shop", ON, pod({LABEL: "true"}, hostNetwork=True), False),
        ("kube-system", ON, pod({LABEL: "true"}), False),
        ("istio-system", ON, pod(), False),
        ("shop", {"istio.io/rev": "default"}, pod(), True),
        ("shop", {"istio.io/rev": "canary"}, pod(), False),
        ("shop", {}, pod({"istio.io/rev": "default"}), True),
        ("shop", {"istio-injection": "strange", "istio.io/rev": "default"}, pod(), False),
        ("shop", {"istio.io/rev": "default"}, pod({LABEL: "false"}), False),
    ],
)
def test_policy(name: str, namespace_labels: dict[str, str], one: dict[str, Any], expected: bool) -> None:
    assert wants_sidecar(one, name, namespace_labels) is expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [{"name": "app"}]}, False),
        ({"containers": [{"name": "app"}, {"name": "istio-proxy"}]}, True),
        ({"initContainers": [{"name": "istio-proxy"}], "containers": []}, True),
        ({}, False),
    ],
)
def test_has_sidecar(spec: dict[str, Any], expected: bool) -> None:
    assert has_sidecar({"spec": spec}) is expected
