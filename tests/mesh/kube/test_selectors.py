"""Selectors: the grammar, what matches, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.kube.selectors import (
    SelectorError,
    field_value,
    format_api,
    from_api,
    from_map,
    parse_fields,
    parse_labels,
    predicate,
)

LABELS = {"app": "web", "tier": "front", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web", True),
        ("app=db", False),
        ("app!=db", True),
        ("other!=x", True),
        ("app!=web", False),
        ("app in (web, db)", True),
        ("app in (db)", False),
        ("app notin (db)", True),
        ("other notin (db)", True),
        ("app notin (web,db)", False),
        ("app", True),
        ("other", False),
        ("!other", True),
        ("!app", False),
        ("empty=", True),
        ("app=web,tier in (front,back),!other", True),
        ("app=web,tier=back", False),
        ("kubernetes.io/name=x", False),
    ],
)
def test_labels(text: str, matches: bool) -> None:
    assert parse_labels(text).matches(LABELS) is matches


@pytest.mark.parametrize("text", ["=", "a=b=c", "a in b", "a in (", "-a", "a b", ",", "a,,b", "!", "a=b,"])
def test_refused(text: str) -> None:
    with pytest.raises(SelectorError):
        parse_labels(text)


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        selector = parse_labels(text)
    except SelectorError:
        return
    assert selector.matches({}) in (True, False)


def test_api_form() -> None:
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]}],
    }
    assert from_api(selector).matches(LABELS)
    assert not from_api(selector).matches({"app": "web"})
    assert format_api(selector) == "app=web,tier in (front)"
    assert parse_labels(format_api(selector)).matches(LABELS)
    assert from_map({"app": "web"}).matches(LABELS)
    assert from_api(None).empty


def test_fields() -> None:
    pod = {"metadata": {"name": "a"}, "spec": {"nodeName": "n", "hostNetwork": True}, "status": {"phase": "Running"}}
    assert parse_fields("spec.nodeName=n,status.phase!=Failed").matches_object(pod)
    assert parse_fields("spec.hostNetwork=true").matches_object(pod)
    assert not parse_fields("metadata.name=b").matches_object(pod)
    assert parse_fields(r"metadata.name=a\,b").requirements[0].value == "a,b"
    assert parse_fields("metadata.name==a").exact("metadata.name") == "a"
    assert field_value(pod, "status.podIP") == ""
    with pytest.raises(SelectorError):
        parse_fields("metadata.name")


def test_predicate_is_none_when_all_match() -> None:
    assert predicate(parse_labels(""), parse_fields("")) is None
    both = predicate(parse_labels("a=b"), parse_fields("metadata.name=x"))
    assert both is not None
    assert both({"metadata": {"name": "x", "labels": {"a": "b"}}})
    assert not both({"metadata": {"name": "y", "labels": {"a": "b"}}})
