"""Which webhooks a call concerns: the rules and selectors of the webhook configurations. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mesh.kube.kinds import Kind, KindRegistry
from mesh.kube.objects import Object, labels_of
from mesh.kube.selectors import LabelSelector, from_api
from orchestrator.api.call import Call

EXCLUDED_GROUPS = frozenset(("admissionregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io"))
"""Webhooks cannot lock an administrator out of the webhook configurations."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One entry of a configuration, its selectors compiled."""

    configuration: str
    name: str
    client: dict[str, Any]
    rules: tuple[dict[str, Any], ...]
    namespaces: LabelSelector
    objects: LabelSelector
    fail: bool
    timeout_s: float
    equivalent: bool

    @property
    def failure_policy(self) -> str:
        return "Fail" if self.fail else "Ignore"


def compile_webhooks(configuration: Object) -> list[Webhook]:
    return [
        Webhook(
            configuration=configuration["metadata"]["name"],
            name=webhook["name"],
            client=webhook.get("clientConfig") or {},
            rules=tuple(webhook.get("rules") or ()),
            namespaces=from_api(webhook.get("namespaceSelector")),
            objects=from_api(webhook.get("objectSelector")),
            fail=webhook.get("failurePolicy", "Fail") == "Fail",
            timeout_s=float(webhook.get("timeoutSeconds", 10)),
            equivalent=webhook.get("matchPolicy", "Equivalent") == "Equivalent",
        )
        for webhook in configuration.get("webhooks") or []
    ]


def kind_sent(webhook: Webhook, call: Call, operation: str, registry: KindRegistry) -> Kind | None:
    """The version of the call's kind that a rule asks for; None when no rule does.

    A rule for one version also sees calls in the others, converted, unless matchPolicy is Exact.
    """
    if call.kind.group in EXCLUDED_GROUPS:
        return None
    candidates = [call.kind]
    if webhook.equivalent:
        same = (k for k in registry if (k.group, k.plural) == (call.kind.group, call.kind.plural) and k != call.kind)
        candidates += same
    for kind in candidates:
        if any(_rule(rule, kind, call, operation) for rule in webhook.rules):
            return kind
    return None


def _rule(rule: dict[str, Any], kind: Kind, call: Call, operation: str) -> bool:
    scope = rule.get("scope", "*")
    return (
        _in(rule.get("operations"), operation)
        and _in(rule.get("apiGroups"), kind.group)
        and _in(rule.get("apiVersions"), kind.version)
        and (scope == "*" or (scope == "Namespaced") == kind.namespaced)
        and any(_resource(pattern, kind.plural, call.subresource) for pattern in rule.get("resources") or ())
    )


def _in(values: list[str] | None, value: str) -> bool:
    return "*" in (values or ()) or value in (values or ())


def _resource(pattern: str, plural: str, subresource: str) -> bool:
    resource, slash, sub = pattern.partition("/")
    if resource not in ("*", plural):
        return False
    if not slash:
        return not subresource
    return sub in ("*", subresource)


def selected(webhook: Webhook, call: Call, obj: Object | None, old: Object | None, namespace: Object | None) -> bool:
    """Whether labels of the namespace and of the object (its new or its old state) ask for this webhook."""
    if not webhook.namespaces.empty:
        if call.kind.plural == "namespaces" and not call.kind.group:
            if not webhook.namespaces.matches(labels_of(obj or old or {})):
                return False
        elif call.kind.namespaced and not webhook.namespaces.matches(labels_of(namespace or {})):
            return False
    if webhook.objects.empty:
        return True
    return any(webhook.objects.matches(labels_of(state)) for state in (obj, old) if state is not None)
