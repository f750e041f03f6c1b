"""A matcher has a filter, a path and one kind of value."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.metadata_match import MetadataMatcher
from tests.sidecar.config.tables import refusal

VALUE: dict[str, Any] = {"filter": "f", "path": [{"key": "a"}], "value": {"present_match": True}}


def test_taken() -> None:
    assert decode(MetadataMatcher, VALUE).path[0].key == "a"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"filter": ""}, "filter"),
        ({"path": []}, "path"),
        ({"path": [{"key": ""}]}, "path[0].key"),
        ({"value": {"or_match": {"value_matchers": []}}}, "value.or_match.value_matchers"),
    ],
)
def test_refused(change: dict[str, Any], path: str) -> None:
    assert refusal(MetadataMatcher, {**VALUE, **change}).path == path
