"""Who may do what."""

from __future__ import annotations

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import POD, SECRET, SELF_SUBJECT_REVIEW, Kind
from orchestrator.api.authorization import COMPONENTS, READERS, authorize, is_administrator
from orchestrator.api.call import MASTERS, Call, User


@pytest.mark.parametrize(
    ("group", "kind", "verb", "allowed"),
    [
        (MASTERS, SECRET, "delete", True),
        (COMPONENTS, POD, "update", True),
        (READERS, POD, "watch", True),
        (READERS, POD, "create", False),
        (READERS, SECRET, "get", False),
        ("system:serviceaccounts", POD, "get", False),
        ("system:serviceaccounts", SELF_SUBJECT_REVIEW, "create", True),
    ],
)
def test_rules(group: str, kind: Kind, verb: str, allowed: bool) -> None:
    call = Call(User("u", groups=(group,)), kind, "default", "x")
    if allowed:
        authorize(call, verb)
        return
    with pytest.raises(ApiError) as failure:
        authorize(call, verb)
    assert failure.value.code == 403
    assert f'User "u" cannot {verb} resource "{kind.plural}"' in failure.value.message
    assert not is_administrator(call.user)


@pytest.mark.parametrize("subresource", ["exec", "attach", "portforward", "proxy"])
def test_readers_do_not_act_on_pods(subresource: str) -> None:
    with pytest.raises(ApiError, match="pods/" + subresource):
        authorize(Call(User("u", groups=(READERS,)), POD, "default", "x", subresource), "get")
