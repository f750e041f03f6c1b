"""A match names one way of comparing the path."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.route_match import RouteMatch
from tests.sidecar.config.tables import refusal


def test_taken() -> None:
    assert decode(RouteMatch, {"path_separated_prefix": "/a"}).path_separated_prefix == "/a"


@pytest.mark.parametrize("value", [{"path_separated_prefix": "/a/"}, {"path_separated_prefix": "a"}])
def test_separated_prefix(value: dict[str, Any]) -> None:
    assert refusal(RouteMatch, value).path == "path_separated_prefix"


@pytest.mark.parametrize("value", [{}, {"prefix": "/", "path": "/"}])
def test_exactly_one(value: dict[str, Any]) -> None:
    assert refusal(RouteMatch, value).reason
