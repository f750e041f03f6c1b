"""Ownership and the hash of templates."""

from __future__ import annotations

from orchestrator.controllers.owners import SAFE_ALPHABET, owned_by, owner_reference, selects, template_hash

OWNER = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "metadata": {"name": "web", "namespace": "default", "uid": "u1"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}},
}


def pod(**meta: object) -> dict[str, object]:
    return {"metadata": {"name": "p", "namespace": "default", **meta}}


def test_owned_by_uid_not_by_name() -> None:
    reference = owner_reference(OWNER)
    mine, other = pod(ownerReferences=[reference]), pod(ownerReferences=[{**reference, "uid": "u2"}])
    assert owned_by(OWNER, [mine, other, pod()]) == [mine]
    assert (reference["controller"], reference["blockOwnerDeletion"]) == (True, True)


def test_selects_in_its_namespace_only() -> None:
    assert selects(OWNER, pod(labels={"app": "web", "more": "x"}))
    assert not selects(OWNER, pod(labels={"app": "other"}))
    assert not selects(OWNER, pod(labels={"app": "web"}, namespace="elsewhere"))


def test_the_hash_depends_on_content_not_on_order() -> None:
    one = template_hash({"a": 1, "b": [1, 2]})
    assert one == template_hash({"b": [1, 2], "a": 1})
    assert one != template_hash({"a": 1, "b": [2, 1]})
    assert set(one) <= set(SAFE_ALPHABET)
    assert len(one) == 10
