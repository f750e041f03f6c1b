"""Calls and users."""

from __future__ import annotations

from mesh.kube.kinds import DEPLOYMENT, POD
from orchestrator.api.call import WARNINGS_MAX, Call, User


def test_warnings_are_bounded_and_said_once() -> None:
    call = Call(User("u"), POD)
    for number in range(WARNINGS_MAX + 5):
        call.warn(f"w{number}")
        call.warn("w0")
    assert len(call.warnings) == WARNINGS_MAX
    assert Call(User("u"), DEPLOYMENT).resource == "apps/deployments"


def test_users_as_the_api_tells_them() -> None:
    assert User("u").to_api() == {"username": "u"}
    full = User("u", "1", ("g",), {"k": ["v"]})
    assert full.to_api() == {"username": "u", "uid": "1", "groups": ["g"], "extra": {"k": ["v"]}}
