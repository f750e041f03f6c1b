"""Goal: who acts as whom, and who may. Method: header tables, and kubectl --as against a real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from mesh.kube.errors import ApiError
from orchestrator.api.call import AUTHENTICATED, MASTERS, User
from orchestrator.api.impersonation import impersonated
from orchestrator.api.server import ApiServer
from tests.support.kubectl import VERSIONS, command, require

ADMIN, OTHER = User("admin", groups=(MASTERS,)), User("other", groups=(AUTHENTICATED,))


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


CASES = [
    ([], ADMIN),
    ([("Impersonate-User", "x")], User("x", groups=(AUTHENTICATED,))),
    ([("impersonate-user", "x"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b")],
     User("x", groups=("a", "b", AUTHENTICATED))),
    ([("Impersonate-User", "x"), ("Impersonate-Uid", "1"), ("Impersonate-Extra-a%2Fb", "v")],
     User("x", "1", (AUTHENTICATED,), {"a/b": ["v"]})),
    ([("Impersonate-User", "system:serviceaccount:n:s")],
     User("system:serviceaccount:n:s", groups=("system:serviceaccounts", "system:serviceaccounts:n", AUTHENTICATED))),
    ([("Impersonate-User", "system:anonymous")], User("system:anonymous", groups=("system:unauthenticated",))),
]  # fmt: skip


@pytest.mark.parametrize(("pairs", "expected"), CASES)
def test_who_it_becomes(pairs: list[tuple[str, str]], expected: User) -> None:
    assert impersonated(ADMIN, headers(*pairs)) == expected


def test_who_may_not() -> None:
    with pytest.raises(ApiError, match='User "other" cannot impersonate resource "users"') as caught:
        impersonated(OTHER, headers(("Impersonate-User", "admin")))
    assert caught.value.code == 403
    with pytest.raises(ApiError, match="without impersonating a user"):
        impersonated(ADMIN, headers(("Impersonate-Group", MASTERS)))


@pytest.mark.integration
@pytest.mark.parametrize("version", VERSIONS)
async def test_kubectl_as(server: ApiServer, tmp_path: Path, version: str) -> None:
    kubectl = command(require(version), tmp_path)
    for words, code, expected in [
        ("auth can-i create pods --as=x", 1, r"^no"),
        ("auth can-i create pods --as=x --as-group=system:masters", 0, r"^yes"),
        ("auth whoami --as=x --as-group=g", 0, r"Username +x\n(.|\n)*\[g system:authenticated\]"),
        ("get pods --as=x", 1, r'pods is forbidden: User "x" cannot list resource "pods"'),
    ]:
        result = await kubectl(*words.split(" "))
        assert result.code == code and re.search(expected, result.out + result.err), f"{words}: {result}"
