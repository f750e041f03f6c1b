"""Destinations and weights."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_destinations import check_destination, check_weights


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ({"host": "a"}, []),
        ({"host": "a", "port": {"number": 80}}, []),
        ({"host": "*"}, ["host"]),
        ({"host": "a/b"}, ["host"]),
        ({"host": "a", "port": {}}, ["port.number"]),
        (None, [""]),
    ],
)
def test_destination(value: Any, paths: list[str]) -> None:
    found = Findings()
    check_destination(found, value)
    assert [message.path for message in found.errors] == paths


@pytest.mark.parametrize(
    ("weights", "valid"), [([0], True), ([1, 0], True), ([0, 0], False), ([2, 1], True), ([5, -1], False)]
)
def test_weights(weights: list[int], valid: bool) -> None:
    found = Findings()
    check_weights(found, [{"weight": weight} for weight in weights])
    assert found.verdict().valid is valid
