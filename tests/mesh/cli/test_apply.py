"""The three-way merge: what was applied and is gone is removed, what others set stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.cli.apply import LAST_APPLIED, SOURCE, three_way_patch, with_bookkeeping
from mesh.cli.manifest import Document
from mesh.kube.kinds import POD, VIRTUAL_SERVICE


@pytest.mark.parametrize(
    ("last", "wanted", "live", "patch"),
    [
        ({}, {"a": 1}, {"a": 1, "b": 2}, {}),
        ({}, {"a": 2}, {"a": 1}, {"a": 2}),
        ({"b": 1}, {"a": 1}, {"a": 1, "b": 1}, {"b": None}),
        ({"b": 1}, {"a": 1}, {"a": 1}, {}),
        ({"s": {"x": 1, "y": 1}}, {"s": {"x": 1}}, {"s": {"x": 1, "y": 1, "z": 3}}, {"s": {"y": None}}),
        ({}, {"l": [{"n": 1}]}, {"l": [{"n": 1, "defaulted": True}]}, {}),
        ({}, {"l": [{"n": 1}, {"n": 2}]}, {"l": [{"n": 1}]}, {"l": [{"n": 1}, {"n": 2}]}),
        ({}, {"a": None}, {}, {}),
        ({}, {"s": {"x": 1}}, {}, {"s": {"x": 1}}),
    ],
)
def test_three_way_patch(last: Any, wanted: Any, live: Any, patch: Any) -> None:
    assert three_way_patch(last, wanted, live) == patch


objects = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abcd"), objects, max_size=4), st.dictionaries(st.sampled_from("abcd"), objects))
def test_applying_twice_is_applying_once(wanted: dict[str, Any], live: dict[str, Any]) -> None:
    once = merged(live, three_way_patch({}, wanted, live))
    assert three_way_patch(wanted, wanted, once) == {}


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def test_istio_objects_remember_their_file_and_line() -> None:
    route = {"metadata": {"name": "a", "annotations": None}}
    kept = with_bookkeeping(Document(route, VIRTUAL_SERVICE, "routes.yaml", 7))["metadata"]["annotations"]
    assert kept[SOURCE] == "routes.yaml:7"
    assert LAST_APPLIED in kept
    pod = with_bookkeeping(Document({"metadata": {"name": "a"}}, POD, "pod.yaml", 1))
    assert SOURCE not in pod["metadata"]["annotations"]
