"""Structure and meaning of one document, as `mesh validate` and admission see it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mesh.offline.documents import Document, read_documents
from mesh.offline.verdicts import check_document

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "cases"
REFUSED = ("EnvoyFilter", "WasmPlugin")


def rows() -> list[dict[str, Any]]:
    """The schema table, without a row that a YAML reader broke (an IPv6 address became a map)."""
    path = CASES / "istio_schema.json"
    found = json.loads(path.read_text()) if path.exists() else []
    return [row for row in found if '{"001:db8:": null}' not in json.dumps(row)]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['doc']['kind']}-{row['err']}")
def test_istios_schema_table(row: dict[str, Any]) -> None:
    before = copy.deepcopy(row["doc"])
    checked = check_document(Document(row["doc"], "a", 1))
    assert checked.valid is (row["valid"] and row["doc"]["kind"] not in REFUSED), checked.errors
    assert row["doc"] == before


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("{apiVersion: v1, kind: Pod, spec: {hostname: 3}}", ["must be of type string, not number"]),
        ("{apiVersion: v1, kind: Pod, sepc: {}}", ["unknown field"]),
        ("{apiVersion: example.org/v1, kind: Thing, anything: 1}", []),
        ("{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: 3}", ["metadata must be an object"]),
        ("3", ["not an object of Kubernetes"]),
    ],
)
def test_structure(text: str, messages: list[str]) -> None:
    (document,) = read_documents("a", text)
    assert [one.message for one in check_document(document).errors] == messages


def test_what_this_mesh_would_refuse_is_said_apart() -> None:
    text = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a}
spec: {}
"""
    (document,) = read_documents("a.yaml", text)
    told = check_document(document).as_json()
    assert (told["valid"], told["line"], told["name"], told["errors"]) == (True, 2, "a", [])
    assert [one["line"] for one in told["unsupported"]] == [3]  # type: ignore[attr-defined]
