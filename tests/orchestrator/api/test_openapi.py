"""OpenAPI: every reference resolves, every kind is there, hashes follow the content."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mesh.kube.kinds import Kind, builtin_registry
from orchestrator.api.openapi import OpenApi

API = OpenApi(builtin_registry())


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(references(inner) for inner in value.values()))
    return set().union(*(references(inner) for inner in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("path", API.paths())
def test_documents(path: str) -> None:
    document = msgspec.json.decode(API.document(path) or b"")
    schemas = document["components"]["schemas"]
    missing = {ref for ref in references(document) if ref.removeprefix("#/components/schemas/") not in schemas}
    assert not missing
    kinds = {gvk["kind"] for schema in schemas.values() for gvk in schema.get("x-kubernetes-group-version-kind", [])}
    assert kinds == {kind.kind for kind in builtin_registry() if kind.path().startswith(f"/{path}/")}


def test_hashes() -> None:
    registry = builtin_registry()
    api = OpenApi(registry)
    before = api.hash_of("apis/apps/v1")
    assert before in api.index().decode()
    registry.add(Kind("apps", "v1", "Thing", "things"))
    api.refresh()
    assert api.hash_of("apis/apps/v1") != before
    assert b"x-kubernetes-preserve-unknown-fields" in (api.document("apis/apps/v1") or b"")
