"""Reading objects that may lack anything."""

from __future__ import annotations

import pytest

from mesh.kube import objects


@pytest.mark.parametrize("obj", [{}, {"metadata": None}, {"metadata": {}}])
def test_empty_objects(obj: objects.Object) -> None:
    assert objects.key_of(obj) == ("", "")
    assert objects.labels_of(obj) == objects.annotations_of(obj) == {}
    assert objects.uid_of(obj) == objects.resource_version_of(obj) == objects.name_of(obj) == ""
    assert not objects.deleting(obj)
    assert objects.controller_of(obj) is None


def test_full_object() -> None:
    owners = [{"name": "a"}, {"name": "b", "controller": True}]
    meta = {"name": "n", "namespace": "ns", "deletionTimestamp": "now", "ownerReferences": owners, "labels": {"a": "b"}}
    obj = {"metadata": meta}
    assert objects.key_of(obj) == ("ns", "n")
    assert objects.deleting(obj)
    assert objects.controller_of(obj) == owners[1]
    objects.labels_of(obj)["a"] = "changed"
    assert objects.metadata(obj)["labels"] == {"a": "b"}
