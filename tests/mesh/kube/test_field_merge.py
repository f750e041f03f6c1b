"""Goal: each kind of field merges as Kubernetes' OpenAPI says. Method: a table; the names in it are real."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.kube import field_merge
from mesh.kube.field_merge import ATOMIC, merge_of, root
from mesh.kube.schema.fields import message


@pytest.mark.parametrize(
    ("owner", "name", "value", "kind"),
    [
        ("core.v1.PodSpec", "containers", [{}], "keyed"),
        ("core.v1.PodSpec", "tolerations", [{}], "atomic"),
        ("core.v1.PodSpec", "nodeSelector", {}, "atomic"),
        ("core.v1.ResourceRequirements", "limits", {"cpu": "1"}, "fields"),
        ("core.v1.Container", "args", ["a"], "atomic"),
        ("core.v1.Container", "image", "a", "atomic"),
        ("apis.meta.v1.ObjectMeta", "finalizers", ["a"], "set"),
        ("apps.v1.DeploymentSpec", "selector", {}, "atomic"),
        ("apps.v1.DeploymentSpec", "template", {}, "fields"),
        ("apps.v1.DeploymentSpec", "unheard-of", {}, "fields"),
    ],
)
def test_fields(owner: str, name: str, value: Any, kind: str) -> None:
    assert merge_of(root(message(owner)), name, value).kind == kind


def test_without_a_schema() -> None:
    assert merge_of(root(None), "x", {"a": 1}).kind == "fields"
    assert merge_of(root(None), "x", [1]) == ATOMIC


def test_the_table_names_fields_that_exist() -> None:
    for owner, lists in field_merge._LISTS.items():
        described = message(owner)
        assert described is not None, owner
        assert lists.keys() <= described.fields.keys(), owner
    for name in field_merge._ATOMIC_MESSAGES:
        assert message(name) is not None, name
