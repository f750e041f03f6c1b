"""Selectors and target references exclude each other."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.check_targets import check_attachment
from mesh.istio.findings import Findings


@pytest.mark.parametrize(
    ("spec", "errors", "warnings"),
    [
        ({}, [], []),
        ({"selector": {"matchLabels": {"a": "b"}}}, [], []),
        ({"selector": {}}, [], ["spec.selector"]),
        (
            {"selector": {"matchLabels": {"a": "b"}}, "targetRef": {"group": "", "kind": "Service", "name": "a"}},
            ["spec.selector"],
            [],
        ),
        ({"targetRefs": [{"group": "", "kind": "Service", "name": "a"}]}, [], []),
        ({"targetRefs": [{"group": "", "kind": "Pod", "name": "a"}]}, ["spec.targetRefs[0].kind"], []),
        (
            {"targetRef": {"group": "", "kind": "Service", "namespace": "b"}},
            ["spec.targetRef.name", "spec.targetRef.namespace"],
            [],
        ),
        ({"targetRefs": [{"group": "", "kind": "Service", "name": "a"}] * 17}, ["spec.targetRefs"], []),
    ],
)
def test_attachment(spec: dict[str, Any], errors: list[str], warnings: list[str]) -> None:
    found = Findings("spec")
    check_attachment(found, spec)
    assert [one.path for one in found.errors] == errors
    assert [one.path for one in found.warnings] == warnings
