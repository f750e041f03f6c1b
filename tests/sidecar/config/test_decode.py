"""proto3's JSON rules: tables of values that fit and values that do not, with the path of the first mistake."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.decode import decode, type_name
from sidecar.config.message import Bytes, Double, Duration, Int64, Mark, Message, Struct, UInt32
from sidecar.config.refusal import Refused


class Leaf(Message, frozen=True, kw_only=True):
    TYPE = "test.Leaf"

    max_size: UInt32 = 0


class Twig(Message, frozen=True, kw_only=True):
    TYPE = "test.Twig"

    text: str = ""


class Tree(Message, frozen=True, kw_only=True):
    AT_MOST_ONE = (("wait_time", "ratio"),)

    name: str
    wait_time: Duration = 1.0
    ratio: Double | None = None
    big: Int64 = 0
    raw: Bytes = b""
    kind: Literal["OAK", "ELM"] = "OAK"
    free_form: Struct = {}
    leaves: tuple[Leaf, ...] = ()
    by_name: dict[str, Leaf] = {}
    any_of: Annotated[Leaf | Twig, Mark.ANY] | None = None
    on: bool = False


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ({"wait_time": "1.5s"}, "wait_time", 1.5),
        ({"waitTime": "0s"}, "wait_time", 0.0),
        ({"wait_time": "0.000000001s"}, "wait_time", 1e-9),
        ({"wait_time": None}, "wait_time", 1.0),
        ({"big": "9007199254740993"}, "big", 9007199254740993),
        ({"big": -3}, "big", -3),
        ({"big": 2.0}, "big", 2),
        ({"ratio": 1}, "ratio", 1.0),
        ({"raw": "aGk="}, "raw", b"hi"),
        ({"kind": "ELM"}, "kind", "ELM"),
        ({"freeForm": {"someKey": {"x_y": [1]}}}, "free_form", {"someKey": {"x_y": [1]}}),
        ({"leaves": [{"maxSize": 3}, {}]}, "leaves", (Leaf(max_size=3), Leaf())),
        ({"byName": {"a.b": {"max_size": 1}}}, "by_name", {"a.b": Leaf(max_size=1)}),
        ({"any_of": {"@type": "type.googleapis.com/test.Leaf", "max_size": 2}}, "any_of", Leaf(max_size=2)),
        ({"anyOf": {"@type": "test.Twig", "text": "x"}}, "any_of", Twig(text="x")),
        (
            {"any_of": {"@type": "t/xds.type.v3.TypedStruct", "type_url": "t/test.Leaf", "value": {"max_size": 7}}},
            "any_of",
            Leaf(max_size=7),
        ),
    ],
)
def test_what_fits(value: dict[str, Any], field: str, expected: Any) -> None:
    assert getattr(decode(Tree, {"name": "x", **value}), field) == expected


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"foo": 1}, "foo", "unknown or unsupported field"),
        ({"@type": "x"}, "@type", "unknown or unsupported field"),
        ({"leaves": [{}, {"foo": 1}]}, "leaves[1].foo", "unknown or unsupported field"),
        ({"by_name": {"a.b": {"foo": 1}}}, "by_name[a.b].foo", "unknown or unsupported field"),
        ({"any_of": {"@type": "test.Leaf", "foo": 1}}, "any_of.foo", "unknown or unsupported field"),
        ({"any_of": {"@type": "test.Bark"}}, "any_of.@type", "unsupported type test.Bark"),
        ({"any_of": {}}, "any_of.@type", "required"),
        ({"any_of": []}, "any_of", "must be an object"),
        ({"wait_time": "1s", "waitTime": "1s"}, "wait_time", "given twice"),
        ({"wait_time": "1s", "ratio": 1}, "ratio", "only one of"),
        ({"wait_time": 1}, "wait_time", "must be a duration"),
        ({"wait_time": "-1s"}, "wait_time", "must be a duration"),
        ({"wait_time": "1.5"}, "wait_time", "must be a duration"),
        ({"wait_time": "1e3s"}, "wait_time", "must be a duration"),
        ({"wait_time": "٣s"}, "wait_time", "must be a duration"),
        ({"wait_time": "999999999999s"}, "wait_time", "out of range"),
        ({"big": "1_0"}, "big", "must be a whole number"),
        ({"big": True}, "big", "must be a whole number"),
        ({"big": 1.5}, "big", "must be a whole number"),
        ({"leaves": [{"max_size": -1}]}, "leaves[0].max_size", "must be between"),
        ({"leaves": {}}, "leaves", "must be a list"),
        ({"ratio": "1"}, "ratio", "must be a number"),
        ({"ratio": float("nan")}, "ratio", "must be a number"),
        ({"raw": "??"}, "raw", "must be base64"),
        ({"kind": "FIR"}, "kind", "unsupported value 'FIR'"),
        ({"kind": 0}, "kind", "unsupported value 0"),
        ({"free_form": []}, "free_form", "must be an object"),
        ({"on": 1}, "on", "must be true or false"),
        ({"name": 1}, "name", "must be a string"),
        ({"name": None}, "name", "required"),
    ],
)
def test_what_does_not_fit(value: dict[str, Any], path: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        decode(Tree, {"name": "x", **value})
    assert caught.value.refusal.path == path
    assert reason in caught.value.refusal.reason


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
NAMES = st.sampled_from(["name", "leaves", "any_of", "@type", "by_name", "big", "maxSize"])


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)))
def test_whatever_comes_is_taken_or_refused(value: Any) -> None:
    try:
        assert isinstance(decode(Tree, value), Tree)
    except Refused as refused:
        assert refused.refusal.reason


def test_type_name() -> None:
    assert type_name("type.googleapis.com/a.b.C") == type_name("a.b.C") == "a.b.C"


class Pot(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("size", "glaze")

    size: UInt32 = 3
    glaze: str | None = None


def test_only_the_default_of_what_is_not_honoured() -> None:
    assert decode(Pot, {"size": 3}) == decode(Pot, {}) == Pot()
    for value, path in (({"size": 4}, "size"), ({"glaze": ""}, "glaze")):
        with pytest.raises(Refused) as caught:
            decode(Pot, value)
        assert (caught.value.refusal.path, caught.value.refusal.reason) == (path, "unsupported")
