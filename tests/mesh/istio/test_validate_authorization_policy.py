"""Actions, sources and operations; what a DENY rule does to TCP."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_authorization_policy import validate_authorization_policy


@pytest.mark.parametrize(
    ("spec", "errors", "warnings"),
    [
        ({}, [], []),
        ({"rules": [{}]}, [], []),
        ({"action": "DENY"}, ["spec.rules"], []),
        ({"action": "MAYBE"}, ["spec.action"], []),
        ({"action": "CUSTOM", "rules": [{}]}, ["spec.provider.name"], []),
        ({"provider": {"name": "a"}}, ["spec.provider"], []),
        ({"rules": [None]}, ["spec.rules[0]"], []),
        ({"rules": [{"from": []}]}, ["spec.rules[0].from"], []),
        ({"rules": [{"from": [{"source": {}}]}]}, ["spec.rules[0].from[0].source"], []),
        (
            {"rules": [{"from": [{"source": {"ipBlocks": ["10.0.0.0/8", "x"]}}]}]},
            ["spec.rules[0].from[0].source.ipBlocks[1]"],
            [],
        ),
        (
            {"rules": [{"from": [{"source": {"serviceAccounts": ["a/b/c"]}}]}]},
            ["spec.rules[0].from[0].source.serviceAccounts[0]"],
            [],
        ),
        (
            {"rules": [{"from": [{"source": {"serviceAccounts": ["a/*"]}}]}]},
            ["spec.rules[0].from[0].source.serviceAccounts[0]"],
            [],
        ),
        (
            {"rules": [{"from": [{"source": {"notServiceAccounts": ["a"], "notNamespaces": ["b"]}}]}]},
            ["spec.rules[0].from[0].source.notServiceAccounts"],
            [],
        ),
        ({"rules": [{"to": [{"operation": {"ports": ["0"]}}]}]}, ["spec.rules[0].to[0].operation.ports[0]"], []),
        ({"rules": [{"to": [{"operation": {"ports": ["65536"]}}]}]}, ["spec.rules[0].to[0].operation.ports[0]"], []),
        ({"rules": [{"to": [{"operation": {"paths": ["/a/{*}/b", "/a/{**}"]}}]}]}, [], []),
        ({"rules": [{"to": [{"operation": {"paths": ["/{**}/b"]}}]}]}, ["spec.rules[0].to[0].operation.paths[0]"], []),
        ({"rules": [{"to": [{"operation": {"paths": ["/x{*}"]}}]}]}, ["spec.rules[0].to[0].operation.paths[0]"], []),
        ({"rules": [{"to": [{"operation": {"paths": ["/{a}"]}}]}]}, ["spec.rules[0].to[0].operation.paths[0]"], []),
        ({"rules": [{"to": [{"operation": {"methods": [""]}}]}]}, ["spec.rules[0].to[0].operation.methods[0]"], []),
        ({"action": "DENY", "rules": [{"from": [{"source": {"requestPrincipals": ["*"]}}]}]}, [], ["spec.rules[0]"]),
        ({"action": "DENY", "rules": [{"from": [{"source": {"namespaces": ["a"]}}]}]}, [], []),
    ],
)
def test_policy(spec: dict[str, Any], errors: list[str], warnings: list[str]) -> None:
    found = Findings("spec")
    validate_authorization_policy(found, spec, "default")
    assert [one.path for one in found.errors] == errors
    assert [one.path for one in found.warnings] == warnings
