"""Goal: sets of fields behave as structured-merge-diff's do. Method: tables, and laws over generated objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.kube.field_sets import Path, from_fields_v1, index, merge, remove, shown, to_fields_v1, with_prefixes
from mesh.kube.schema.fields import message_of

POD = message_of("v1", "Pod")
CONTAINER = 'k:{"name":"c"}'
PORT = 'k:{"containerPort":80,"protocol":"TCP"}'
FULL: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "uid": "1", "labels": {"a": "1"}, "finalizers": ["x/y"]},
    "spec": {
        "nodeSelector": {"disk": "ssd"},
        "containers": [{"name": "c", "args": ["a", "b"], "ports": [{"containerPort": 80}], "securityContext": {}}],
    },
}


def test_what_can_be_owned() -> None:
    inside = ("f:spec", "f:containers", CONTAINER)
    assert index(FULL, POD).keys() == {
        ("f:metadata", "f:labels", "f:a"),
        ("f:metadata", "f:finalizers", 'v:"x/y"'),
        ("f:spec", "f:nodeSelector"),
        inside,
        (*inside, "f:name"),
        (*inside, "f:args"),
        (*inside, "f:securityContext"),
        (*inside, "f:ports", PORT),
        (*inside, "f:ports", PORT, "f:containerPort"),
    }
    assert index({"kind": "X", "metadata": {"name": "n"}, "spec": {"l": [{"a": 1}], "m": {"b": {}}}}, None).keys() == {
        ("f:spec", "f:l"),
        ("f:spec", "f:m", "f:b"),
    }


def test_written_as_fields_v1() -> None:
    written = to_fields_v1(index(FULL, POD))
    assert written["f:spec"]["f:containers"][CONTAINER]["."] == {}
    assert written["f:spec"]["f:nodeSelector"] == {}
    assert from_fields_v1(written) == index(FULL, POD).keys()


@pytest.mark.parametrize("bad", [[], {"x": {}}, {"f:a": 1}, {"k:nonsense": {}}, {"k:[]": {}}])
def test_what_is_no_fields_v1(bad: Any) -> None:
    with pytest.raises(ValueError):
        from_fields_v1(bad)


def test_merging_by_keys_and_whole() -> None:
    spec = {
        "nodeSelector": {"zone": "z"},
        "containers": [{"name": "new"}, {"name": "c", "args": ["z"], "ports": [{"containerPort": 81}]}],
    }
    merged = merge(FULL, {"metadata": {"finalizers": ["x/y", "z/z"]}, "spec": spec}, POD)
    assert merged["metadata"]["finalizers"] == ["x/y", "z/z"]
    assert merged["spec"]["nodeSelector"] == {"zone": "z"}
    first, second = merged["spec"]["containers"]
    assert (first["name"], first["args"], second) == ("c", ["z"], {"name": "new"})
    assert [port["containerPort"] for port in first["ports"]] == [80, 81]


def test_removing() -> None:
    ports = ("f:spec", "f:containers", CONTAINER, "f:ports", PORT)
    kept = remove(FULL, POD, [("f:metadata", "f:labels", "f:a"), ports, ("f:spec", "f:nodeSelector")])
    assert "labels" not in kept["metadata"] and "nodeSelector" not in kept["spec"]
    assert kept["spec"]["containers"] == [{"name": "c", "args": ["a", "b"], "securityContext": {}}]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:spec", "f:containers", CONTAINER, "f:image"), '.spec.containers[name="c"].image'),
        (("f:ports", PORT), '.ports[containerPort=80,protocol="TCP"]'),
        (("f:metadata", "f:finalizers", 'v:"x"'), '.metadata.finalizers[="x"]'),
    ],
)
def test_shown(path: Path, words: str) -> None:
    assert shown(path) == words
    assert path[:1] in with_prefixes([path])


_labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)
_containers = st.lists(st.sampled_from("xyz"), unique=True).map(lambda names: [{"name": name} for name in names])
_pods = st.builds(
    lambda labels, items: {"metadata": {"labels": labels}, "spec": {"containers": items}}, _labels, _containers
)


@given(_pods, _pods)
def test_laws(live: dict[str, Any], applied: dict[str, Any]) -> None:
    once = merge(live, applied, POD)
    assert merge(once, applied, POD) == once
    said = {path: value for path, value in index(applied, POD).items() if value not in ({}, [])}
    assert said.items() <= index(once, POD).items()
    assert from_fields_v1(to_fields_v1(index(live, POD))) == index(live, POD).keys()
