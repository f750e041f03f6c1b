"""Goal: managers own, share, lose and give up fields as KEP-555 says. Method: pure functions on small objects."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mesh.kube.field_sets import index, merge
from orchestrator.api.managed_fields import Entry, applied, conflicts, owners, prune, read, updated, write


def entry(manager: str, obj: dict[str, Any] | None = None, operation: str = "Apply") -> Entry:
    return Entry(manager, operation, "v1", "", "t", frozenset(index(obj or {}, None)))


def data(**values: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "data": values}


def apply(
    live: dict[str, Any], entries: list[Entry], by: str, body: dict[str, Any]
) -> tuple[dict[str, Any], list[Entry]]:
    mine = entry(by, body)
    made = prune(entries, mine, merge(live, body, None), None)
    return made, applied(entries, mine, live, made, None)


def test_an_update_takes_what_it_changes() -> None:
    first = updated([], entry("a", None, "Update"), None, data(x="1", y="1"), None)
    second = updated(first, entry("b", None, "Update"), data(x="1", y="1"), data(x="2", z="1"), None)
    owned = {known.manager: known.paths for known in second}
    assert owned["a"] == frozenset() and owned["b"] == {("f:data", "f:x"), ("f:data", "f:z")}
    assert updated(second, entry("c", None, "Update"), data(x="2"), data(x="2"), None) is second


def test_conflicts_name_others_fields_that_would_change() -> None:
    live = data(x="1", y="1")
    entries = [entry("a", data(x="1")), entry("b", data(y="1"), "Update")]
    body = data(x="2", y="1")
    found = conflicts(entries, entry("c", body), live, merge(live, body, None), None)
    assert [(known.words(), path) for known, path in found] == [('"a"', ".data.x")]


def test_what_is_no_longer_applied_goes_unless_shared() -> None:
    live, entries = apply(data(), [], "a", data(x="1", y="1"))
    live, entries = apply(live, entries, "b", data(y="1"))
    live, entries = apply(live, entries, "a", data(z="1"))
    assert live["data"] == {"y": "1", "z": "1"}


def test_before_the_first_apply_somebody_owned_it() -> None:
    (unknown,) = owners(data(x="1"), None, api_version="v1")
    assert unknown.words() == '"before-first-apply" using v1'


def test_written_and_read_back() -> None:
    obj = data(x="1")
    entries = [
        entry("a", data(x="1")),
        entry("empty"),
        Entry("b", "Update", "v1", "status", "t", frozenset({("f:s",)})),
    ]
    write(obj, entries)
    assert read(obj) == [entries[0], entries[2]]
    assert entries[2].words() == '"b" with subresource "status" using v1'
    obj["metadata"]["managedFields"] = [{"operation": "Apply", "fieldsV1": []}]
    assert read(obj) is None
    write(obj, [])
    assert "managedFields" not in obj["metadata"]


_bodies = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), min_size=1).map(lambda values: data(**values))


@given(_bodies, _bodies)
def test_applying_twice_is_applying_once(first: dict[str, Any], second: dict[str, Any]) -> None:
    live, entries = apply(first, [entry("a", first)], "b", second)
    assert apply(live, entries, "b", second) == (live, entries)


@given(st.dictionaries(st.sampled_from("ab"), st.just("1")), st.dictionaries(st.sampled_from("cd"), st.just("1")))
def test_disjoint_managers_commute(first: dict[str, str], second: dict[str, str]) -> None:
    one, two = data(**first, own_a="1"), data(**second, own_b="1")
    ab = apply(*apply(data(), [], "a", one), "b", two)
    ba = apply(*apply(data(), [], "b", two), "a", one)
    assert ab[0] == ba[0]
    assert {known.manager: known.paths for known in ab[1]} == {known.manager: known.paths for known in ba[1]}
