"""The attributes of conditions, and what their values must be."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.authorization_keys import check_condition, known
from mesh.istio.findings import Findings


@pytest.mark.parametrize(
    ("key", "is_known"),
    [
        ("source.ip", True),
        ("request.headers[x-a]", True),
        ("request.headers", False),
        ("request.headers[a][b]", False),
        ("request.auth.claims[a][b]", True),
        ("request.auth.claims[]", False),
        ("experimental.envoy.filters.a[b]", True),
        ("source.planet", False),
    ],
)
def test_known_attributes(key: str, is_known: bool) -> None:
    assert known(key) is is_known


@pytest.mark.parametrize(
    ("condition", "errors"),
    [
        ({"key": "source.ip", "values": ["10.0.0.1", "10.0.0.0/8"]}, []),
        ({"key": "source.ip", "notValues": ["a"]}, ["notValues[0]"]),
        ({"key": "destination.port", "values": ["70000"]}, ["values[0]"]),
        ({"key": "source.namespace", "values": [""]}, ["values[0]"]),
        ({"key": "source.namespace"}, ["values"]),
        ({"key": "source.serviceAccount", "values": ["a/*"]}, ["values[0]"]),
        ({"values": ["a"]}, ["key"]),
        ({"key": "nothing", "values": ["a"]}, ["key"]),
    ],
)
def test_conditions(condition: dict[str, Any], errors: list[str]) -> None:
    found = Findings()
    check_condition(found, condition)
    assert [one.path for one in found.errors] == errors


def test_a_custom_policy_knows_nothing_of_the_token() -> None:
    found = Findings()
    check_condition(found, {"key": "request.auth.principal", "values": ["a"]}, custom=True)
    assert [one.path for one in found.errors] == ["key"]
