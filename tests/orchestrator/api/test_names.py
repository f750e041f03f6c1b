"""Names and labels."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.api import names


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (names.subdomain, ["a", "a.b", "1-a", "a" * 253], ["", "A", "a_b", "-a", "a..b", "a" * 254, "a\n"]),
        (names.label, ["a", "1a", "a" * 63], ["a.b", "a" * 64, "-a"]),
        (names.label_1035, ["a", "a-1"], ["1a", "a.b", "a" * 64]),
        (names.qualified_name, ["a", "A_b.c", "example.com/a"], ["", "/a", "a/", "A.b/c d", "a" * 64, "UPPER/a"]),
        (names.label_value, ["", "a", "A_b.c"], ["a b", "-a", "a" * 64]),
        (names.path_segment, ["a:b", "A"], [".", "..", "a/b", "a%b"]),
    ],
)
def test_rules(rule: names.NameRule, good: list[str], bad: list[str]) -> None:
    assert [name for name in good if rule(name)] == []
    assert [name for name in bad if not rule(name)] == []


@given(st.from_regex(r"[a-z]([a-z0-9-]{0,80}[a-z0-9])?", fullmatch=True))
def test_generated_names_are_names(prefix: str) -> None:
    assert names.label(names.generated(prefix, random.Random(1))) == ""


def test_annotations_have_a_size() -> None:
    assert not names.check_annotations({"a": "x"}, "metadata.annotations")
    assert names.check_annotations({"a": "x" * 300_000}, "metadata.annotations")[0].reason == "FieldValueTooLong"
    assert names.check_labels({"a": "b", "c d": "e"}, "metadata.labels")[0].field == "metadata.labels"
