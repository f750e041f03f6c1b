"""Conditions as Envoy's RouteMatch."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.values import StringMatch
from mesh.translate.matches import applies, is_catch_all, path_text, route_match, string_matcher


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (None, {"prefix": "/"}),
        ({}, {"prefix": "/"}),
        ({"uri": {"prefix": "/foo"}}, {"prefix": "/foo"}),
        ({"uri": {"exact": "/foo"}, "ignoreUriCase": True}, {"path": "/foo", "case_sensitive": False}),
        ({"uri": {"regex": "/a.*"}}, {"safe_regex": {"regex": "/a.*"}}),
        (
            {"headers": {"end-user": {"exact": "jason"}, "b": {}}},
            {
                "prefix": "/",
                "headers": [
                    {"name": "b", "present_match": True},
                    {"name": "end-user", "string_match": {"exact": "jason"}},
                ],
            },
        ),
        (
            {"method": {"exact": "GET"}, "scheme": {"prefix": "ht"}},
            {
                "prefix": "/",
                "headers": [
                    {"name": ":method", "string_match": {"exact": "GET"}},
                    {"name": ":scheme", "string_match": {"prefix": "ht"}},
                ],
            },
        ),
        (
            {"queryParams": {"k": {"exact": ""}, "j": {"regex": "*"}}},
            {
                "prefix": "/",
                "query_parameters": [
                    {"name": "j", "present_match": True},
                    {"name": "k", "string_match": {"exact": ""}},
                ],
            },
        ),
    ],
)
def test_route_match(match: Any, expected: dict[str, Any]) -> None:
    assert route_match(match) == expected


def test_a_missing_header_counts_as_empty_for_negative_matches() -> None:
    found = route_match({"withoutHeaders": {"a": {"exact": "x"}, "b": {}}})["headers"]
    assert found == [
        {"name": "a", "string_match": {"exact": "x"}, "invert_match": True, "treat_missing_header_as_empty": True},
        {"name": "b", "present_match": True, "invert_match": True},
    ]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (None, True),
        ({"uri": {"prefix": "/"}}, True),
        ({"uri": {"regex": ".*"}}, True),
        ({"uri": {"prefix": "/a"}}, False),
        ({"method": {"exact": "GET"}}, False),
        ({"queryParams": {"a": {"exact": "b"}}}, False),
    ],
)
def test_catch_all(match: Any, expected: bool) -> None:
    assert is_catch_all(route_match(match)) is expected


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, True),
        ({"port": 80}, True),
        ({"port": 81}, False),
        ({"sourceLabels": {"app": "a"}}, True),
        ({"sourceLabels": {"app": "b"}}, False),
        ({"sourceNamespace": "shop"}, True),
        ({"sourceNamespace": "other"}, False),
        ({"gateways": ["default/front"]}, False),
        ({"gateways": ["mesh"], "sourceLabels": {"app": "b"}}, True),
    ],
)
def test_which_proxies_a_condition_is_for(match: dict[str, Any], expected: bool) -> None:
    found = applies(match, port=80, labels={"app": "a"}, namespace="shop", gateways=frozenset({"mesh"}))
    assert found is expected


def test_texts() -> None:
    assert path_text({"prefix": "/a"}) == "/a*"
    assert path_text({"path": "/a"}) == "/a"
    assert string_matcher(StringMatch("regex", "a")) == {"safe_regex": {"regex": "a"}}
