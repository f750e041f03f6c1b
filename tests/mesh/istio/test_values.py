"""Durations, integers and string matches in proto3 JSON."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.istio.values import StringMatch, duration_s, duration_text, integer, items, mapping, text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5s", 5.0),
        ("0.5s", 0.5),
        ("1h30m", 5400.0),
        ("10ms", 0.01),
        ("-2s", -2.0),
        ({"seconds": 2, "nanos": 500_000_000}, 2.5),
        ("5", None),
        ("", None),
        ("5x", None),
        ("s", None),
        (5, None),
        (None, None),
        ("1s junk", None),
    ],
)
def test_duration(value: Any, seconds: float | None) -> None:
    assert duration_s(value) == seconds


@given(st.floats(min_value=0, max_value=1e6))
def test_a_written_duration_reads_back(seconds: float) -> None:
    found = duration_s(duration_text(seconds))
    assert found is not None
    assert math.isclose(found, seconds, abs_tol=1e-9)


@given(st.text(max_size=12))
def test_no_text_breaks_the_reader(value: str) -> None:
    found = duration_s(value)
    assert found is None or isinstance(found, float)


@pytest.mark.parametrize(("value", "expected"), [(5, 5), ("7", 7), ("x", 0), (None, 0), (True, 0), (2.0, 2)])
def test_integer(value: Any, expected: int) -> None:
    assert integer(value) == expected


def test_wrong_shapes_read_as_absent() -> None:
    assert mapping([]) == {}
    assert items({}) == []
    assert text(1) == ""


@pytest.mark.parametrize(
    ("value", "kind", "presence"),
    [
        ({"exact": "a"}, "exact", False),
        ({"prefix": "/"}, "prefix", False),
        ({"regex": "*"}, "regex", True),
        ({"regex": ".*"}, "regex", False),
        ({}, "", True),
        (None, "", True),
    ],
)
def test_string_match(value: Any, kind: str, presence: bool) -> None:
    found = StringMatch.read(value)
    assert (found.kind, found.presence) == (kind, presence)
