"""Values of every kind, deep in metadata, absent and inverted."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.metadata_match import MetadataMatcher
from sidecar.policy.metadata_match import metadata_condition

METADATA: dict[str, Any] = {"f": {"a": {"s": "text", "n": 2, "t": True, "z": None, "l": ["x", "y"]}}}
TEXT = {"string_match": {"exact": "text"}}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("s", TEXT, True),
        ("n", TEXT, False),
        ("n", {"double_match": {"exact": 2}}, True),
        ("n", {"double_match": {"range": {"start": 2, "end": 3}}}, True),
        ("n", {"double_match": {"range": {"start": 0, "end": 2}}}, False),
        ("t", {"double_match": {"exact": 1}}, False),
        ("t", {"bool_match": True}, True),
        ("n", {"bool_match": True}, False),
        ("z", {"null_match": {}}, True),
        ("no", {"null_match": {}}, False),
        ("no", {"present_match": False}, True),
        ("s", {"present_match": True}, True),
        ("l", {"list_match": {"one_of": {"string_match": {"exact": "y"}}}}, True),
        ("l", {"list_match": {"one_of": TEXT}}, False),
        ("l", {"string_match": {"exact": "x"}}, False),
        ("s", {"or_match": {"value_matchers": [{"bool_match": True}, TEXT]}}, True),
    ],
)
def test_values(key: str, value: dict[str, Any], expected: bool) -> None:
    config = {"filter": "f", "path": [{"key": "a"}, {"key": key}], "value": value}
    assert metadata_condition(decode(MetadataMatcher, config))(METADATA) is expected
    assert metadata_condition(decode(MetadataMatcher, {**config, "invert": True}))(METADATA) is not expected
