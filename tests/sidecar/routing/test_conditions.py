"""Header and query conditions: Envoy's rules as a table."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.decode import decode
from sidecar.config.matching import HeaderMatcher, QueryParameterMatcher
from sidecar.config.refusal import Refused
from sidecar.config.route_match import RouteMatch
from sidecar.protocol.message import RequestHead
from sidecar.routing.conditions import (
    compile_conditions,
    header_condition,
    percent_decoded,
    query_condition,
    query_value,
)
from tests.sidecar.routing.requests import get


def string(**kind: Any) -> dict[str, Any]:
    return {"name": "x-h", "string_match": kind}


@pytest.mark.parametrize(
    ("matcher", "value", "expected"),
    [
        (string(exact="v"), "v", True),
        (string(exact="v"), "V", False),
        (string(exact="v", ignore_case=True), "V", True),
        (string(prefix="ab"), "abc", True),
        (string(prefix="AB", ignore_case=True), "abc", True),
        (string(suffix="bc"), "abc", True),
        (string(contains="b"), "abc", True),
        (string(contains="B"), "abc", False),
        (string(safe_regex={"regex": "a.c"}), "abc", True),
        (string(safe_regex={"regex": "a"}), "abc", False),
        (string(exact="v"), None, False),
        ({"name": "X-H", "exact_match": "v"}, "v", True),
        ({"name": "x-h"}, "v", True),
        ({"name": "x-h"}, None, False),
        ({"name": "x-h", "present_match": True}, "", True),
        ({"name": "x-h", "present_match": True}, None, False),
        ({"name": "x-h", "present_match": False}, None, True),
        ({"name": "x-h", "present_match": False}, "v", False),
        ({"name": "x-h", "present_match": True, "invert_match": True}, None, True),
        ({"name": "x-h", "present_match": True, "invert_match": True}, "v", False),
        ({**string(exact="v"), "invert_match": True}, "other", True),
        ({**string(exact="v"), "invert_match": True}, "v", False),
        # A missing header is no match, inverted or not, unless it counts as empty.
        ({**string(exact="v"), "invert_match": True}, None, False),
        ({**string(exact="v"), "invert_match": True, "treat_missing_header_as_empty": True}, None, True),
        ({**string(exact=""), "invert_match": True, "treat_missing_header_as_empty": True}, None, False),
        ({**string(exact=""), "treat_missing_header_as_empty": True}, None, True),
        ({"name": "x-h", "range_match": {"start": -10, "end": 0}}, "-1", True),
        ({"name": "x-h", "range_match": {"start": -10, "end": 0}}, "0", False),
        ({"name": "x-h", "range_match": {"start": 0, "end": 10}}, "1_0", False),
        ({"name": "x-h", "range_match": {"start": 0, "end": 10}}, "+1", False),
        ({"name": "x-h", "range_match": {"start": 0, "end": 10}}, "1.0", False),
    ],
)
def test_header(matcher: dict[str, Any], value: str | None, expected: bool) -> None:
    head = get() if value is None else get(x_h=value)
    assert header_condition(decode(HeaderMatcher, matcher))(head) is expected


@pytest.mark.parametrize(
    ("name", "value"),
    [(":method", "GET"), (":authority", "a"), ("Host", "a"), (":path", "/p?q"), (":scheme", "http")],
)
def test_pseudo_headers_are_parts_of_the_head(name: str, value: str) -> None:
    matcher = decode(HeaderMatcher, {"name": name, "exact_match": value})
    assert header_condition(matcher)(get("/p?q"))


def test_several_values_are_one_joined_by_a_comma() -> None:
    head = get(x_h="a")
    head.headers.append(b"x-h", b"b")
    assert header_condition(decode(HeaderMatcher, string(exact="a,b")))(head)


@pytest.mark.parametrize(
    ("matcher", "path", "expected"),
    [
        ({"string_match": {"exact": "v"}}, "/?k=v", True),
        ({"string_match": {"exact": "v"}}, "/?j=1&k=v&k=w", True),
        ({"string_match": {"exact": "w"}}, "/?k=v&k=w", False),
        ({"string_match": {"exact": ""}}, "/?k", True),
        ({"string_match": {"exact": "a b"}}, "/?k=a%20b", True),
        ({"string_match": {"exact": "v"}}, "/", False),
        ({"string_match": {"safe_regex": {"regex": "[0-9]+"}}}, "/?k=12", True),
        ({"present_match": True}, "/?k", True),
        ({"present_match": True}, "/?kk=1", False),
        ({}, "/?k=1", True),
        ({"present_match": False}, "/?j", True),
    ],
)
def test_query(matcher: dict[str, Any], path: str, expected: bool) -> None:
    assert query_condition(decode(QueryParameterMatcher, {"name": "k", **matcher}))(get(path)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a%20b", b"a b"),
        (b"%zz%2", b"%zz%2"),
        (b"100%", b"100%"),
        (b"%41%", b"A%"),
        (b"% 1", b"% 1"),
        (b"%+1", b"%+1"),
    ],
)
def test_percent_decoding(text: bytes, expected: bytes) -> None:
    assert percent_decoded(text) == expected


@given(st.binary())
def test_no_query_is_too_odd(query: bytes) -> None:
    value = query_value(b"/?" + query, b"k")
    assert value is None or isinstance(value, bytes)


def compiled(match: dict[str, Any], seed: int = 0) -> list[Any]:
    return list(compile_conditions(decode(RouteMatch, {"prefix": "/", **match}), random.Random(seed)))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/grpc", True),
        ("application/grpc+proto", True),
        ("application/grpc-web", False),
        ("text/plain", False),
    ],
)
def test_grpc(kind: str, expected: bool) -> None:
    (condition,) = compiled({"grpc": {}})
    assert condition(get(content_type=kind)) is expected


def test_a_share_of_requests() -> None:
    (condition,) = compiled({"runtime_fraction": {"default_value": {"numerator": 25}}})
    assert 200 < sum(condition(get()) for _ in range(1000)) < 300


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ({"headers": [{"name": "a"}, string(safe_regex={"regex": "("})]}, "headers[1].string_match.safe_regex.regex"),
        ({"headers": [{"name": "a", "safe_regex_match": {"regex": "("}}]}, "headers[0].safe_regex_match.regex"),
        (
            {"query_parameters": [{"name": "k", "string_match": {"safe_regex": {"regex": "("}}}]},
            "query_parameters[0].string_match.safe_regex.regex",
        ),
    ],
)
def test_refused(match: dict[str, Any], path: str) -> None:
    with pytest.raises(Refused) as caught:
        compiled(match)
    assert caught.value.refusal.path == path


def test_conditions_do_not_change_the_request() -> None:
    head: RequestHead = get("/?k=1", x_h="v")
    header_condition(decode(HeaderMatcher, string(exact="v")))(head)
    assert (head.path, list(head.headers)) == (b"/?k=1", [(b"x-h", b"v")])
