"""The memory behind reads: order, pages, old revisions, the window."""

from __future__ import annotations

import pytest

from orchestrator.store.base import Change, Compacted, Record, StoreKey
from orchestrator.store.memory import Memory

PODS = "/pods"


def write(memory: Memory, name: str, *, namespace: str = "ns", delete: bool = False, value: bytes = b"{}") -> Change:
    key = StoreKey(PODS, namespace, name)
    before = memory.get(key)
    kind = "DELETED" if delete else "MODIFIED" if before else "ADDED"
    change = Change(kind, Record(key, memory.revision + 1, value), before)  # type: ignore[arg-type]
    memory.apply(change)
    return change


def names(memory: Memory, namespace: str = "", **options: object) -> list[str]:
    page = memory.scan(PODS, namespace, **{"limit": 0, "after": None, "revision": None, **options})  # type: ignore[arg-type]
    return [f"{record.key.namespace}/{record.key.name}" for record in page.records]


def test_lists_are_ordered_and_by_namespace() -> None:
    memory = Memory()
    for namespace, name in [("b", "x"), ("a", "z"), ("a-b", "m"), ("a", "a")]:
        write(memory, name, namespace=namespace)
    assert names(memory) == ["a/a", "a/z", "a-b/m", "b/x"]
    assert names(memory, "a") == ["a/a", "a/z"]
    assert names(memory, "c") == []


def test_pages_are_of_one_revision() -> None:
    memory = Memory()
    for name in "abcde":
        write(memory, name)
    page = memory.scan(PODS, "", limit=2, after=None, revision=None)
    assert (len(page.records), page.remaining, page.revision) == (2, 3, 5)
    write(memory, "c", delete=True)
    write(memory, "bb")
    write(memory, "d", value=b'{"new":1}')
    rest = memory.scan(PODS, "", limit=0, after=("ns", "b"), revision=page.revision)
    assert [record.key.name for record in rest.records] == ["c", "d", "e"]
    assert rest.records[1].value == b"{}"
    assert names(memory) == ["ns/a", "ns/b", "ns/bb", "ns/d", "ns/e"]


def test_the_window_is_bounded_and_says_so() -> None:
    memory = Memory(changes_max=3)
    expired: list[Change] = []
    for name in "abcde":
        write(memory, name)
        expired += memory.expire()
    assert [change.revision for change in expired] == [1, 2]
    assert [change.revision for change in memory.changes_since(PODS, 2)] == [3, 4, 5]
    with pytest.raises(Compacted):
        memory.changes_since(PODS, 1)
    with pytest.raises(Compacted):
        memory.scan(PODS, "", limit=0, after=None, revision=1)


def test_bytes_bound_the_window_too() -> None:
    memory = Memory(bytes_max=10)
    write(memory, "a", value=b"12345678")
    write(memory, "b", value=b"12345678")
    assert [change.revision for change in memory.expire()] == [1]


def test_subscribers_hear_changes_in_order_until_they_leave() -> None:
    memory = Memory()
    heard: list[str] = []
    leave = memory.subscribe(lambda change: heard.append(f"{change.type} {change.record.key.name}"))
    write(memory, "a")
    write(memory, "a")
    write(memory, "a", delete=True)
    leave()
    leave()
    write(memory, "b")
    assert heard == ["ADDED a", "MODIFIED a", "DELETED a"]
