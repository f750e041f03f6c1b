"""RBAC messages: trees of any depth, one kind of rule in each node, empty sets refused."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.rbac import Rbac
from sidecar.config.refusal import Refused

ANY: dict[str, Any] = {"any": True}


def rbac(permission: Any, principal: Any = ANY) -> Rbac:
    policies = {"p": {"permissions": [permission], "principals": [principal]}}
    return decode(Rbac, {"rules": {"action": "DENY", "policies": policies}})


def test_a_tree() -> None:
    deep: dict[str, Any] = ANY
    for _ in range(20):
        deep = {"and_rules": {"rules": [{"not_rule": deep}, {"or_rules": {"rules": [ANY]}}]}}
    found = rbac(deep, {"and_ids": {"ids": [{"not_id": ANY}, {"authenticated": {}}]}})
    assert found.rules is not None
    assert found.rules.action == "DENY"


@pytest.mark.parametrize(
    ("permission", "principal", "path"),
    [
        ({}, ANY, "rules.policies[p].permissions[0]"),
        ({"any": True, "destination_port": 1}, ANY, "rules.policies[p].permissions[0].destination_port"),
        ({"and_rules": {"rules": []}}, ANY, "rules.policies[p].permissions[0].and_rules.rules"),
        ({"metadata": {}}, ANY, "rules.policies[p].permissions[0].metadata.filter"),
        ({"destination_port": 65536}, ANY, "rules.policies[p].permissions[0].destination_port"),
        (ANY, {"or_ids": {"ids": []}}, "rules.policies[p].principals[0].or_ids.ids"),
        (ANY, {"filter_state": {}}, "rules.policies[p].principals[0].filter_state"),
    ],
)
def test_refusals(permission: Any, principal: Any, path: str) -> None:
    with pytest.raises(Refused) as refused:
        rbac(permission, principal)
    assert refused.value.refusal.path == path


def test_a_policy_has_both_sides() -> None:
    with pytest.raises(Refused) as refused:
        decode(Rbac, {"rules": {"policies": {"p": {"permissions": [], "principals": [ANY]}}}})
    assert refused.value.refusal.path == "rules.policies[p].permissions"
