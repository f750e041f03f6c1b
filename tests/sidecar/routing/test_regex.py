"""RE2: full match, linear time, bad expressions refused."""

from __future__ import annotations

import time

import pytest

from sidecar.config.matching import RegexMatcher
from sidecar.config.refusal import Refused
from sidecar.routing.regex import REGEX_CHARACTERS_MAX, checked, full_match, full_match_set


@pytest.mark.parametrize(
    ("regex", "text", "expected"),
    [
        ("/a", b"/a", True),
        ("/a", b"/ab", False),
        ("/a.*", b"/ab", True),
        (".*", b"", True),
        ("(?i)/A", b"/a", True),
        ("a|b", b"ab", False),
    ],
)
def test_the_whole_text_must_match(regex: str, text: bytes, expected: bool) -> None:
    assert full_match(RegexMatcher(regex=regex))(text) is expected


@pytest.mark.parametrize("regex", ["(", "a{1,100000}", r"(?=a)", r"\1", "*", "a" * (REGEX_CHARACTERS_MAX + 1)])
def test_what_is_no_re2_is_refused(regex: str) -> None:
    with pytest.raises(Refused) as caught:
        checked(RegexMatcher(regex=regex))
    assert caught.value.refusal.path == "regex"


def test_several_in_one_pass() -> None:
    match = full_match_set([b"/a.*", b"/b", b"/.*"])
    assert sorted(match(b"/ab") or ()) == [0, 2]
    assert match(b"x") is None


def test_time_is_linear_where_backtracking_would_not_end() -> None:
    match = full_match(RegexMatcher(regex="(a*)*b"))
    started = time.perf_counter()
    assert not match(b"a" * 50_000)
    assert time.perf_counter() - started < 2
