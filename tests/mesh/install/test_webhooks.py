"""Which pods the injector's selectors choose: evaluated as Kubernetes does, against Istio's rules."""

from __future__ import annotations

import base64

import pytest

from mesh.inject.policy import wants_sidecar
from mesh.install.webhooks import injector, validator

ROOT = b"-----BEGIN CERTIFICATE-----"


def chosen(namespace: dict[str, str], pod: dict[str, str]) -> int:
    """How many entries choose the pod."""
    return sum(
        all(matches(expression, namespace) for expression in webhook["namespaceSelector"]["matchExpressions"])
        and all(matches(expression, pod) for expression in webhook["objectSelector"]["matchExpressions"])
        for webhook in injector("https://127.0.0.1:1", ROOT)["webhooks"]
    )


def matches(expression: dict[str, object], labels: dict[str, str]) -> bool:
    value, values = labels.get(str(expression["key"])), expression.get("values")
    match expression["operator"]:
        case "In":
            return isinstance(values, list) and value in values
        case "NotIn":
            return isinstance(values, list) and value not in values
        case "DoesNotExist":
            return value is None
    raise AssertionError(expression)


NAMESPACES = [
    {},
    {"istio-injection": "enabled"},
    {"istio-injection": "disabled"},
    {"istio.io/rev": "default"},
    {"istio.io/rev": "other"},
]
PODS = [
    {},
    {"sidecar.istio.io/inject": "true"},
    {"sidecar.istio.io/inject": "false"},
    {"istio.io/rev": "default"},
    {"istio.io/rev": "default", "sidecar.istio.io/inject": "false"},
]


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("pod", PODS)
def test_selectors_agree_with_the_policy(namespace: dict[str, str], pod: dict[str, str]) -> None:
    """A pod is asked about at most once, and exactly when the policy wants it; a namespace of another revision is
    another control plane's."""
    count = chosen(namespace, pod)
    assert count <= 1
    if namespace.get("istio.io/rev") != "other":
        assert bool(count) is wants_sidecar({"metadata": {"labels": pod}, "spec": {}}, "shop", namespace)


def test_clients_are_told_where_and_whom_to_trust() -> None:
    for configuration, path in (
        (injector("https://127.0.0.1:1", ROOT), "/inject"),
        (validator("https://127.0.0.1:1", ROOT), "/validate"),
    ):
        for webhook in configuration["webhooks"]:
            assert webhook["clientConfig"]["url"] == f"https://127.0.0.1:1{path}"
            assert base64.b64decode(webhook["clientConfig"]["caBundle"]) == ROOT
