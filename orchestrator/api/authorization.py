"""Who may do what, until roles are stored objects: administrators and our components by group, nobody else.

A pod's ServiceAccount is authenticated, and like on a fresh cluster it may ask who it is and what exists, no more.
"""

from __future__ import annotations

from orchestrator.api.call import MASTERS, Call, User
from orchestrator.api.errors import failure

COMPONENTS = "pocketmesh:components"
READERS = "pocketmesh:readers"
_READ = frozenset(("get", "list", "watch"))
_NOT_FOR_READERS = frozenset(("secrets",))
_ACTS = frozenset(("exec", "attach", "portforward", "proxy"))
"""Subresources that are GET requests (of a WebSocket) and yet change things."""
_EVERYBODY = frozenset(("selfsubjectreviews",))


def authorize(call: Call, verb: str) -> None:
    """`verb` as RBAC names it: get, list, watch, create, update, patch, delete, deletecollection."""
    groups = call.user.groups
    if MASTERS in groups or COMPONENTS in groups:
        return
    reads = verb in _READ and call.subresource not in _ACTS and call.kind.plural not in _NOT_FOR_READERS
    if READERS in groups and reads:
        return
    if call.kind.plural in _EVERYBODY:
        return
    raise failure(403, _sentence(call, verb), details=_details(call))


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
