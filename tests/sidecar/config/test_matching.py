"""Matchers: every spelling Envoy knows of a string condition."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.matching import HeaderMatcher, QueryParameterMatcher, StringMatcher
from tests.sidecar.config.tables import refusal


@pytest.mark.parametrize(
    ("older", "field", "value"),
    [
        ({"exact_match": "a"}, "exact", "a"),
        ({"prefixMatch": "a"}, "prefix", "a"),
        ({"suffix_match": "a"}, "suffix", "a"),
        ({"contains_match": "a"}, "contains", "a"),
        ({"string_match": {"exact": "a"}}, "exact", "a"),
    ],
)
def test_older_spellings_are_strings_too(older: dict[str, Any], field: str, value: str) -> None:
    strings = decode(HeaderMatcher, {"name": "x", **older}).strings
    assert strings is not None and getattr(strings, field) == value


def test_presence_and_ranges_are_no_strings() -> None:
    assert decode(HeaderMatcher, {"name": "x", "present_match": True}).strings is None
    assert decode(HeaderMatcher, {"name": "x", "range_match": {"start": "1", "end": 3}}).strings is None


@pytest.mark.parametrize(
    ("message", "value", "path"),
    [
        (StringMatcher, {}, ""),
        (StringMatcher, {"exact": "a", "prefix": "b"}, "prefix"),
        (StringMatcher, {"prefix": ""}, "prefix"),
        (StringMatcher, {"safe_regex": {"regex": ""}}, "safe_regex.regex"),
        (StringMatcher, {"custom": {}}, "custom"),
        (HeaderMatcher, {"name": ""}, "name"),
        (HeaderMatcher, {"exact_match": "a"}, "name"),
        (HeaderMatcher, {"name": "x", "exact_match": "a", "present_match": True}, "present_match"),
        (QueryParameterMatcher, {"name": ""}, "name"),
    ],
)
def test_refused(message: Any, value: dict[str, Any], path: str) -> None:
    assert refusal(message, value).path == path
