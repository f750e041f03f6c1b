"""Acting as somebody else: the headers Impersonate-User, -Group, -Uid and -Extra-NAME (`kubectl --as`). Pure.

Who may do so is who may do everything; the request is then judged as the other user's alone.
"""

from __future__ import annotations

from urllib.parse import unquote

from multidict import CIMultiDictProxy

from orchestrator.api.authorization import is_administrator
from orchestrator.api.call import AUTHENTICATED, User
from orchestrator.api.errors import failure, internal

USER, GROUP, UID, EXTRA = "Impersonate-User", "Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-"
ANONYMOUS = "system:anonymous"
UNAUTHENTICATED = "system:unauthenticated"
SERVICE_ACCOUNT = "system:serviceaccount:"
SERVICE_ACCOUNTS = "system:serviceaccounts"


def impersonated(user: User, headers: CIMultiDictProxy[str]) -> User:
    """The user that a request is made as; raises `ApiError` 403 for one that may not be somebody else."""
    name, groups, uid = headers.get(USER, ""), headers.getall(GROUP, []), headers.get(UID, "")
    extra: dict[str, list[str]] = {}
    for header, value in headers.items():
        if header.lower().startswith(EXTRA.lower()):
            extra.setdefault(unquote(header[len(EXTRA) :]).lower(), []).append(value)
    if not name:
        if groups or uid or extra:
            raise internal("requested groups, a uid or extra fields without impersonating a user")
        return user
    if not is_administrator(user):
        text = 'cannot impersonate resource "users" in API group "" at the cluster scope'
        raise failure(
            403,
            f'users "{name}" is forbidden: User "{user.name}" {text}',
            details={"name": name, "kind": "users"},
        )
    return User(name, uid, tuple(dict.fromkeys([*(groups or _groups_of(name)), _everybody(name)])), extra)


def _groups_of(name: str) -> list[str]:
    """Those that a service account is in by its name; nobody else has groups of their own."""
    namespace, _, account = name.removeprefix(SERVICE_ACCOUNT).partition(":")
    if not name.startswith(SERVICE_ACCOUNT) or not account:
        return []
    return [SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}"]


def _everybody(name: str) -> str:
    return UNAUTHENTICATED if name == ANONYMOUS else AUTHENTICATED
