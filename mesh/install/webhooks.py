"""The two webhook configurations, named and selected as Istio's. Pure."""

from __future__ import annotations

import base64
from typing import Any

from mesh.kube.objects import Object

INJECTOR = "istio-sidecar-injector"
VALIDATOR = "istio-validator-istio-system"
TIMEOUT_S = 10
ISTIO_GROUPS = (
    "security.istio.io",
    "networking.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
)


def client_config(base_url: str, path: str, root_pem: bytes) -> dict[str, str]:
    return {"url": f"{base_url}{path}", "caBundle": base64.b64encode(root_pem).decode()}


def injector(base_url: str, root_pem: bytes) -> Object:
    """Four entries, as Istio's: chosen by revision or by injection label, of the namespace or of the pod alone.

    Namespace entries skip pods that refuse; object entries serve namespaces that say nothing.
    """
    inject, revision = "sidecar.istio.io/inject", "istio.io/rev"
    refusing = _expression(inject, "NotIn", "false")
    entries = (
        (
            "rev.namespace",
            [_expression(revision, "In", "default"), _expression("istio-injection", "DoesNotExist")],
            [refusing],
        ),
        (
            "rev.object",
            [_expression(revision, "DoesNotExist"), _expression("istio-injection", "DoesNotExist")],
            [refusing, _expression(revision, "In", "default")],
        ),
        ("namespace", [_expression("istio-injection", "In", "enabled")], [refusing]),
        (
            "object",
            [_expression("istio-injection", "DoesNotExist"), _expression(revision, "DoesNotExist")],
            [_expression(inject, "In", "true"), _expression(revision, "DoesNotExist")],
        ),
    )
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    webhooks = [
        {
            "name": f"{name}.sidecar-injector.istio.io",
            "clientConfig": client_config(base_url, "/inject", root_pem),
            "rules": rules,
            "namespaceSelector": {"matchExpressions": namespaces},
            "objectSelector": {"matchExpressions": objects},
            "failurePolicy": "Fail",
            **_COMMON,
        }
        for name, namespaces, objects in entries
    ]
    return _configuration("MutatingWebhookConfiguration", INJECTOR, webhooks)


def validator(base_url: str, root_pem: bytes) -> Object:
    webhook = {
        "name": "rev.validation.istio.io",
        "clientConfig": client_config(base_url, "/validate", root_pem),
        "rules": [
            {
                "apiGroups": list(ISTIO_GROUPS),
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["*"],
            }
        ],
        "failurePolicy": "Fail",
        **_COMMON,
    }
    return _configuration("ValidatingWebhookConfiguration", VALIDATOR, [webhook])


_COMMON: dict[str, Any] = {
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "timeoutSeconds": TIMEOUT_S,
    "matchPolicy": "Equivalent",
}


def _expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def _configuration(kind: str, name: str, webhooks: list[dict[str, Any]]) -> Object:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app": "istiod", "istio.io/rev": "default"}},
        "webhooks": webhooks,
    }
