"""metadata on creation and update."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import POD
from mesh.kube.objects import Object
from orchestrator.api import metadata
from orchestrator.api.call import INTERNAL, Call
from orchestrator.api.names import subdomain


def test_begin_trusts_nothing() -> None:
    obj: Object = {"metadata": {"name": "a", "uid": "mine", "resourceVersion": "5", "deletionTimestamp": "x"}}
    metadata.begin(obj, random.Random(1), generation=True)
    assert obj["metadata"]["uid"] != "mine"
    assert obj["metadata"]["generation"] == 1
    assert not {"resourceVersion", "deletionTimestamp"} & set(obj["metadata"])


def test_carry_keeps_what_is_the_servers() -> None:
    old: Object = {"metadata": {"name": "a", "uid": "1", "creationTimestamp": "then", "generation": 3}}
    new: Object = {"metadata": {"name": "a", "creationTimestamp": "now", "deletionTimestamp": "x"}}
    metadata.carry(Call(INTERNAL, POD, "", "a"), new, old)
    assert new == {"metadata": {"name": "a", "uid": "1", "creationTimestamp": "then", "generation": 3}}
    old["metadata"]["managedFields"] = [1]
    for given, kept in ((None, [1]), ([], []), ([2], [2])):  # a client may forget owners, but only on purpose
        new = {"metadata": {"managedFields": given}}
        metadata.carry(Call(INTERNAL, POD, "", "a"), new, old)
        assert new["metadata"]["managedFields"] == kept
    with pytest.raises(ApiError) as failure:
        metadata.carry(Call(INTERNAL, POD, "", "a"), {"metadata": {"uid": "2"}}, old)
    assert failure.value.conflict


@pytest.mark.parametrize(
    ("meta", "fields"),
    [
        ({"name": "a", "namespace": "b"}, []),
        ({"namespace": "b"}, ["metadata.name"]),
        ({"name": "a"}, ["metadata.namespace"]),
        ({"name": "a", "namespace": "b", "finalizers": ["bad one"]}, ["metadata.finalizers"]),
        (
            {"name": "a", "namespace": "b", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]},
            ["metadata.ownerReferences[0].uid"],
        ),
    ],
)
def test_validation(meta: dict[str, object], fields: list[str]) -> None:
    found = metadata.validate({"metadata": meta}, subdomain, namespaced=True)
    assert [cause.field for cause in found] == fields


def test_timestamps() -> None:
    assert metadata.timestamp(datetime(2020, 1, 2, 3, 4, 5, 999, UTC)) == "2020-01-02T03:04:05Z"
