"""authorization.k8s.io: may this user do that? Answered by the very rules that requests are held to."""

from __future__ import annotations

from typing import Any

from mesh.kube.kinds import Kind, KindRegistry
from mesh.kube.objects import Object
from orchestrator.api.authorization import allows, rules_of
from orchestrator.api.call import Call, User
from orchestrator.api.decode import conform, identify
from orchestrator.api.errors import Cause, bad_request, invalid_object

REVIEWS = frozenset(
    ("selfsubjectaccessreviews", "subjectaccessreviews", "localsubjectaccessreviews", "selfsubjectrulesreviews")
)
_READING = frozenset(("get", "head"))


def review(call: Call, obj: Object, registry: KindRegistry) -> Object:
    """The review with its status filled in. Raises `ApiError` for one that asks nothing."""
    identify(call, obj)
    conform(call, obj)
    spec: dict[str, Any] = obj.get("spec") or {}
    if call.kind.plural == "selfsubjectrulesreviews":
        if not spec.get("namespace"):
            raise bad_request("no namespace on request")
        return {**obj, "status": {**rules_of(call.user, registry), "incomplete": False}}
    asked, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (asked is None) == (path is None):
        why = "Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise invalid_object(call.kind, "", [Cause("FieldValueInvalid", "spec.resourceAttributes", why)])
    user = call.user if call.kind.plural.startswith("self") else _subject(call, spec)
    if call.kind.plural == "localsubjectaccessreviews" and (asked or {}).get("namespace") != call.namespace:
        why = f"Invalid value: must match metadata.namespace: {call.namespace}"
        raise invalid_object(call.kind, "", [Cause("FieldValueInvalid", "spec.resourceAttributes.namespace", why)])
    allowed = _resource_allowed(user, asked, registry) if asked is not None else _path_allowed(path or {})
    return {**obj, "status": {"allowed": allowed}}


def _subject(call: Call, spec: dict[str, Any]) -> User:
    name, groups = spec.get("user") or "", tuple(spec.get("groups") or ())
    if not name and not groups:
        why = "Invalid value: at least one of user or group must be specified"
        raise invalid_object(call.kind, "", [Cause("FieldValueInvalid", "spec.user", why)])
    return User(name, spec.get("uid") or "", groups)


def _resource_allowed(user: User, asked: dict[str, Any], registry: KindRegistry) -> bool:
    group, plural = asked.get("group") or "", asked.get("resource") or ""
    # The rules name resources, served here or not.
    kind = next((known for known in registry if (known.group, known.plural) == (group, plural)), None)
    kind = kind or Kind(group, asked.get("version") or "v1", "", plural)
    call = Call(user, kind, asked.get("namespace") or "", asked.get("name") or "", asked.get("subresource") or "")
    return allows(call, asked.get("verb") or "")


def _path_allowed(path: dict[str, Any]) -> bool:
    """Documents (discovery, OpenAPI, version, health) are for everybody who may connect, and are only read."""
    return (path.get("verb") or "").lower() in _READING
