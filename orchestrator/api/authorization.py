"""Who may do what, until roles are stored objects: administrators and our components by group, nobody else.

A pod's ServiceAccount is authenticated, and like on a fresh cluster it may ask who it is and what exists, no more.
"""

from __future__ import annotations

from typing import Any

from mesh.kube.kinds import KindRegistry
from orchestrator.api.call import MASTERS, Call, User
from orchestrator.api.errors import failure

COMPONENTS = "pocketmesh:components"
READERS = "pocketmesh:readers"
_READ = frozenset(("get", "list", "watch"))
_NOT_FOR_READERS = frozenset(("secrets",))
_ACTS = frozenset(("exec", "attach", "portforward", "proxy"))
"""Subresources that are GET requests (of a WebSocket) and yet change things."""
_EVERYBODY = frozenset(("selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"))
"""What system:basic-user may create: questions about oneself."""


def authorize(call: Call, verb: str) -> None:
    """`verb` as RBAC names it: get, list, watch, create, update, patch, delete, deletecollection."""
    if not allows(call, verb):
        raise failure(403, _sentence(call, verb), details=_details(call))


def allows(call: Call, verb: str) -> bool:
    groups = call.user.groups
    if MASTERS in groups or COMPONENTS in groups:
        return True
    reads = verb in _READ and call.subresource not in _ACTS and call.kind.plural not in _NOT_FOR_READERS
    return (READERS in groups and reads) or call.kind.plural in _EVERYBODY


def rules_of(user: User, registry: KindRegistry) -> dict[str, Any]:
    """What `allows` says of this user, as the rules of a SubjectRulesReviewStatus."""
    documents = {"verbs": ["get"], "nonResourceURLs": ["*"]}
    if MASTERS in user.groups or COMPONENTS in user.groups:
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        return {"resourceRules": [everything], "nonResourceRules": [documents]}
    by_group: dict[str, set[str]] = {}
    for kind in registry:
        names = {kind.plural, *(f"{kind.plural}/{name}" for name in kind.subresources if name not in _ACTS)}
        if READERS in user.groups and kind.plural not in _NOT_FOR_READERS and "list" in kind.verbs:
            by_group.setdefault(kind.group, set()).update(names)
    rules = [
        {"verbs": sorted(_READ), "apiGroups": [group], "resources": sorted(names)} for group, names in by_group.items()
    ]
    for group in sorted({kind.group for kind in registry if kind.plural in _EVERYBODY}):
        names = {kind.plural for kind in registry if kind.group == group and kind.plural in _EVERYBODY}
        rules.append({"verbs": ["create"], "apiGroups": [group], "resources": sorted(names)})
    return {"resourceRules": rules, "nonResourceRules": [documents]}


def _sentence(call: Call, verb: str) -> str:
    resource = f"{call.kind.plural}/{call.subresource}" if call.subresource else call.kind.plural
    name = f' "{call.name}"' if call.name else ""
    where = f' in the namespace "{call.namespace}"' if call.namespace else " at the cluster scope"
    return (
        f'{call.kind.qualified}{name} is forbidden: User "{call.user.name}" cannot {verb} resource "{resource}" in API '
        f'group "{call.kind.group}"{where}'
    )


def _details(call: Call) -> dict[str, str]:
    found = {"name": call.name} if call.name else {}
    if call.kind.group:
        found["group"] = call.kind.group
    return {**found, "kind": call.kind.plural}


def is_administrator(user: User) -> bool:
    return MASTERS in user.groups
