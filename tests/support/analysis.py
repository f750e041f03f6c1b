"""Objects written as YAML, under analysis."""

from __future__ import annotations

from typing import Any

from mesh.analysis.model import Finding, Resource, World
from mesh.offline.documents import read_documents

API = {"networking": "networking.istio.io/v1", "security": "security.istio.io/v1", "telemetry": "telemetry.istio.io/v1"}


def world_of(text: str, mesh_config: dict[str, Any] | None = None) -> World:
    """`text` may say `networking`, `security` or `telemetry` for the apiVersion."""
    for word, version in API.items():
        text = text.replace(f"apiVersion: {word},", f"apiVersion: {version},")
    documents = read_documents("a.yaml", text)
    assert not any(one.problem for one in documents), documents
    return World(tuple(map(Resource, documents)), mesh_config or {})


def codes(findings: list[Finding]) -> list[tuple[str, str]]:
    return sorted((one.code, one.resource.label) for one in findings)
