"""The path index against the plain rule: try every route in order."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.matching import RegexMatcher
from sidecar.config.refusal import Refused
from sidecar.config.route_match import RouteMatch
from sidecar.routing.paths import MEMO_ENTRIES_MAX, MEMO_PATH_BYTES_MAX, PathIndex


def index(*matches: RouteMatch) -> PathIndex[int]:
    return PathIndex([(match, position) for position, match in enumerate(matches)])


@pytest.mark.parametrize(
    ("match", "path", "expected"),
    [
        ({"prefix": "/foo"}, b"/foobar", True),
        ({"prefix": "/foo"}, b"/fo", False),
        ({"prefix": ""}, b"*", True),
        ({"prefix": "/FOO", "case_sensitive": False}, b"/foobar", True),
        ({"path": "/foo"}, b"/foo", True),
        ({"path": "/foo"}, b"/foo/", False),
        ({"path": "/Foo"}, b"/foo", False),
        ({"path": "/Foo", "case_sensitive": False}, b"/fOO", True),
        ({"path_separated_prefix": "/foo"}, b"/foo", True),
        ({"path_separated_prefix": "/foo"}, b"/foo/x", True),
        ({"path_separated_prefix": "/foo"}, b"/foobar", False),
        ({"safe_regex": RegexMatcher(regex="/f.*r")}, b"/foobar", True),
        ({"safe_regex": RegexMatcher(regex="/f")}, b"/foobar", False),
        ({"safe_regex": RegexMatcher(regex="/F"), "case_sensitive": False}, b"/f", False),
    ],
)
def test_one_condition(match: dict[str, Any], path: bytes, expected: bool) -> None:
    assert index(RouteMatch(**match)).candidates(path) == ((0,) if expected else ())


TEXTS = st.text(alphabet="/abA", max_size=4).map(lambda text: "/" + text)
MATCHES = st.one_of(
    st.builds(RouteMatch, prefix=TEXTS, case_sensitive=st.booleans()),
    st.builds(RouteMatch, path=TEXTS, case_sensitive=st.booleans()),
    st.builds(RouteMatch, path_separated_prefix=TEXTS.map(lambda text: text.rstrip("/") or "/a")),
    st.builds(RouteMatch, safe_regex=TEXTS.map(lambda text: RegexMatcher(regex=text + ".*a"))),
)


def plainly(match: RouteMatch, path: str) -> bool:
    if match.safe_regex is not None:
        return re.fullmatch(match.safe_regex.regex, path) is not None
    fold = (lambda text: text) if match.case_sensitive else str.lower
    if match.path is not None:
        return bool(fold(match.path) == fold(path))
    if match.prefix is not None:
        return bool(fold(path).startswith(fold(match.prefix)))
    assert match.path_separated_prefix is not None
    return (path + "/").startswith(match.path_separated_prefix + "/")


@given(st.lists(MATCHES, max_size=12), st.lists(TEXTS, min_size=1, max_size=8))
def test_the_same_routes_in_the_same_order(matches: list[RouteMatch], paths: list[str]) -> None:
    found = index(*matches)
    for path in paths * 2:
        expected = tuple(position for position, match in enumerate(matches) if plainly(match, path))
        assert found.candidates(path.encode()) == expected


def test_memory_is_bounded() -> None:
    found = index(RouteMatch(prefix="/"))
    for number in range(2 * MEMO_ENTRIES_MAX):
        assert found.candidates(b"/%d" % number) == (0,)
    assert len(found._memo) <= MEMO_ENTRIES_MAX
    found._memo.clear()
    assert found.candidates(b"/" + b"x" * MEMO_PATH_BYTES_MAX) == (0,)
    assert not found._memo


def test_a_bad_expression_is_refused_with_its_route() -> None:
    with pytest.raises(Refused) as caught:
        index(RouteMatch(prefix="/"), RouteMatch(safe_regex=RegexMatcher(regex="(")))
    assert caught.value.refusal.path == "[1].match.safe_regex.regex"
