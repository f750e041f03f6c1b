"""Which webhooks a call concerns."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.kube.kinds import DEPLOYMENT, MUTATING_WEBHOOK, NAMESPACE, POD, VIRTUAL_SERVICE, Kind, builtin_registry
from orchestrator.api.call import INTERNAL, Call
from orchestrator.api.webhook_match import Webhook, compile_webhooks, kind_sent, selected

REGISTRY = builtin_registry()
EVERYTHING = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}


def webhook(rule: dict[str, Any] | None = None, **more: Any) -> Webhook:
    entry = {"name": "h", "rules": [{**EVERYTHING, **(rule or {})}], **more}
    (made,) = compile_webhooks({"metadata": {"name": "c"}, "webhooks": [entry]})
    return made


@pytest.mark.parametrize(
    ("rule", "kind", "subresource", "asked"),
    [
        ({}, POD, "", True),
        ({}, POD, "status", False),
        ({"resources": ["pods/status"]}, POD, "status", True),
        ({"resources": ["pods/*"]}, POD, "status", True),
        ({"resources": ["*/*"]}, POD, "status", True),
        ({"resources": ["pods"]}, DEPLOYMENT, "", False),
        ({"apiGroups": ["apps"]}, DEPLOYMENT, "", True),
        ({"apiGroups": ["apps"]}, POD, "", False),
        ({"operations": ["DELETE"]}, POD, "", False),
        ({"scope": "Cluster"}, POD, "", False),
        ({"scope": "Cluster"}, NAMESPACE, "", True),
        ({}, MUTATING_WEBHOOK, "", False),
    ],
)
def test_rules(rule: dict[str, Any], kind: Kind, subresource: str, asked: bool) -> None:
    call = Call(INTERNAL, kind, "default", "x", subresource)
    assert (kind_sent(webhook(rule), call, "CREATE", REGISTRY) is not None) is asked


def test_other_versions_are_converted_unless_exact() -> None:
    old = REGISTRY.gvk("networking.istio.io/v1beta1", "VirtualService")
    assert old is not None
    call = Call(INTERNAL, old, "default", "x")
    assert kind_sent(webhook({"apiVersions": ["v1"]}), call, "CREATE", REGISTRY) == VIRTUAL_SERVICE
    assert kind_sent(webhook({"apiVersions": ["v1"]}, matchPolicy="Exact"), call, "CREATE", REGISTRY) is None


def test_selectors() -> None:
    wanted = {"matchLabels": {"a": "b"}}
    yes, no = {"metadata": {"labels": {"a": "b"}}}, {"metadata": {}}
    call = Call(INTERNAL, POD, "default", "x")
    by_namespace, by_object = webhook(namespaceSelector=wanted), webhook(objectSelector=wanted)
    assert selected(by_namespace, call, no, None, yes)
    assert not selected(by_namespace, call, yes, None, no)
    assert selected(by_namespace, Call(INTERNAL, NAMESPACE, "", "x"), yes, None, None)
    assert selected(by_object, call, no, yes, None)
    assert not selected(by_object, call, no, None, yes)
    assert webhook(failurePolicy="Ignore").failure_policy == "Ignore"
    assert webhook().failure_policy == "Fail"
