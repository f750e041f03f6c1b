"""Patches: what kubectl sends, and properties that hold for every patch."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.kube.patch import PatchError, json_patch, merge_patch, strategic_merge_patch
from mesh.kube.schema.fields import message_of

DEPLOYMENT = message_of("apps/v1", "Deployment")
POD = message_of("v1", "Pod")


def containers(*names: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": n, "image": n} for n in names]}}}}


def images(obj: dict[str, Any]) -> list[tuple[str, str]]:
    return [(c["name"], c.get("image", "")) for c in obj["spec"]["template"]["spec"]["containers"]]


CASES: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("changes one", {"containers": [{"name": "b", "image": "x"}]}, [("a", "a"), ("b", "x")]),
    ("adds one", {"containers": [{"name": "c", "image": "c"}]}, [("a", "a"), ("b", "b"), ("c", "c")]),
    ("deletes one", {"containers": [{"name": "a", "$patch": "delete"}]}, [("b", "b")]),
    ("replaces all", {"containers": [{"name": "z", "image": "z"}, {"$patch": "replace"}]}, [("z", "z")]),
    (
        "orders",
        {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "image": "y"}]},
        [("b", "b"), ("a", "y")],
    ),
    (
        "keeps what it does not name beside its neighbours",
        {"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}], "containers": [{"name": "c", "image": "c"}]},
        [("c", "c"), ("a", "a"), ("b", "b")],
    ),
    ("orders without items", {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}, [("b", "b"), ("a", "a")]),
    ("clears a field", {"containers": [{"name": "a", "image": None}]}, [("a", ""), ("b", "b")]),
]


@pytest.mark.parametrize(("_what", "pod_spec", "expected"), CASES)
def test_strategic_lists(_what: str, pod_spec: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    original = containers("a", "b")
    before = copy.deepcopy(original)
    patched = strategic_merge_patch(original, {"spec": {"template": {"spec": pod_spec}}}, DEPLOYMENT)
    assert images(patched) == expected
    assert original == before


def test_retain_keys() -> None:
    original = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge_patch(original, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_primitive_lists() -> None:
    original = {"metadata": {"finalizers": ["a/x", "b/x"]}}
    added = strategic_merge_patch(original, {"metadata": {"finalizers": ["c/x", "a/x"]}}, POD)
    assert added["metadata"]["finalizers"] == ["a/x", "b/x", "c/x"]
    removed = strategic_merge_patch(original, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"]}}, POD)
    assert removed["metadata"]["finalizers"] == ["b/x"]


def test_lists_without_a_key_are_replaced() -> None:
    original = {"spec": {"containers": [{"name": "a", "args": ["1", "2"]}]}}
    patched = strategic_merge_patch(original, {"spec": {"containers": [{"name": "a", "args": ["3"]}]}}, POD)
    assert patched["spec"]["containers"][0]["args"] == ["3"]


def test_maps() -> None:
    original = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    assert strategic_merge_patch(original, {"metadata": {"labels": {"a": None, "c": "3"}}}, POD) == {
        "metadata": {"labels": {"b": "2", "c": "3"}}
    }
    replaced = {"metadata": {"labels": {"$patch": "replace", "z": "1"}}}
    assert strategic_merge_patch(original, replaced, POD) == {"metadata": {"labels": {"z": "1"}}}


def test_a_list_item_needs_its_key() -> None:
    with pytest.raises(PatchError) as refused:
        strategic_merge_patch(containers("a"), {"spec": {"template": {"spec": {"containers": [{}]}}}}, DEPLOYMENT)
    assert refused.value.malformed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
)
def test_merging_twice_is_merging_once(original: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge_patch(original, patch)
    assert merge_patch(once, patch) == once


@given(st.lists(st.sampled_from("abcde"), unique=True), st.lists(st.sampled_from("abcde"), unique=True))
def test_strategic_twice_is_once(before: list[str], after: list[str]) -> None:
    patch = containers(*after)
    patch["spec"]["template"]["spec"]["$setElementOrder/containers"] = [{"name": name} for name in after]
    once = strategic_merge_patch(containers(*before), patch, DEPLOYMENT)
    assert strategic_merge_patch(once, patch, DEPLOYMENT) == once
    assert {name for name, _ in images(once)} == {*before, *after}


def test_json_patch() -> None:
    original = {"a": [1], "b": {"c": 1}}
    operations = [{"op": "test", "path": "/b/c", "value": 1}, {"op": "add", "path": "/a/-", "value": 2}]
    assert json_patch(original, operations) == {"a": [1, 2], "b": {"c": 1}}
    assert original == {"a": [1], "b": {"c": 1}}


@pytest.mark.parametrize(
    ("operations", "malformed"),
    [
        ({"op": "add"}, True),
        ([{"op": "jump", "path": "/a"}], True),
        ([{"op": "test", "path": "/b/c", "value": 2}], False),
        ([{"op": "remove", "path": "/z"}], False),
        ([{"op": "replace", "path": "", "value": 1}], False),
        ([{"op": "add", "path": "/x", "value": 1}] * 10_001, True),
    ],
)
def test_json_patch_refused(operations: Any, malformed: bool) -> None:
    with pytest.raises(PatchError) as refused:
        json_patch({"b": {"c": 1}}, operations)
    assert refused.value.malformed is malformed
