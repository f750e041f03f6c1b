"""Tables: every layout fits its columns."""

from __future__ import annotations

import pytest

from mesh.kube.kinds import POD, Kind, builtin_registry
from orchestrator.api.table import bookmark_table, partial, table

KINDS = [kind for kind in builtin_registry() if "list" in kind.verbs]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.api_version} {kind.plural}")
def test_cells_match_columns_even_of_empty_objects(kind: Kind) -> None:
    obj = {"metadata": {"name": "a"}}
    made = table(kind, [obj], include="Metadata", meta={}, now=0.0)
    (row,) = made["rows"]
    assert len(row["cells"]) == len(made["columnDefinitions"])
    assert "a" in row["cells"]
    assert [c["name"] for c in made["columnDefinitions"] if c["format"] == "name"] == ["Name"]


def test_forms() -> None:
    obj = {"metadata": {"name": "a"}, "spec": {}}
    assert partial(obj) == {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}}
    made = bookmark_table(POD, 5, {"kind": "Pod"})
    assert made["rows"][0]["object"] == {"kind": "Pod"}
    assert len(made["rows"][0]["cells"]) == len(made["columnDefinitions"])
