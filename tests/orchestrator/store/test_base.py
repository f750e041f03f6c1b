"""Records and the stored form of objects."""

from __future__ import annotations

import msgspec

from orchestrator.store.base import Change, Record, StoreKey, encode_at


def test_the_revision_is_in_the_object_and_in_its_bytes() -> None:
    obj: dict[str, object] = {"kind": "Pod"}
    value = encode_at(obj, 7)
    assert obj["metadata"] == {"resourceVersion": "7"}
    assert msgspec.json.decode(value) == obj


def test_readers_get_copies() -> None:
    record = Record(StoreKey("/pods", "a", "b"), 7, encode_at({}, 7))
    record.object()["metadata"]["name"] = "changed"
    assert record.object() == {"metadata": {"resourceVersion": "7"}}
    assert Change("ADDED", record, None).revision == 7
