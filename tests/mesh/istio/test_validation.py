"""Istio's own validation tables for the kinds that are supported, and how other kinds are met."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mesh.istio.validation import SUPPORTED_KINDS, check, validate

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "cases"


def rows(name: str) -> list[dict[str, Any]]:
    path = CASES / name
    if not path.exists():
        return []
    return [row for row in json.loads(path.read_text()) if row["doc"].get("kind") in SUPPORTED_KINDS]


@pytest.mark.parametrize("row", rows("istio_validation.json"), ids=lambda row: f"{row['source']}-{row['name']}")
def test_istios_validation_table(row: dict[str, Any]) -> None:
    verdict = check(row["doc"])
    assert verdict.valid is row["valid"], verdict
    assert bool(verdict.warnings) is row["warning"], verdict
    wanted = (row["error_substring"] or "").lower()
    assert not wanted or any(wanted in message.message.lower() for message in verdict.errors)


@pytest.mark.parametrize("row", rows("istio_schema.json"), ids=lambda row: f"{row['doc']['metadata']['name']}")
def test_istios_schema_table(row: dict[str, Any]) -> None:
    assert check(row["doc"]).valid is row["valid"]


def test_another_istio_kind_is_refused_by_name() -> None:
    verdict = validate({"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": {"name": "a"}})
    assert verdict.errors[0].message == "EnvoyFilter is not supported by this mesh"


def test_kinds_of_others_are_not_judged() -> None:
    assert validate({"apiVersion": "v1", "kind": "Service"}).valid
    assert validate({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}).valid


def test_messages_carry_the_fields_path() -> None:
    verdict = check(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "a"},
            "spec": {
                "hosts": ["a"],
                "http": [{"route": [{"destination": {"host": "a"}, "weight": -1}, {"destination": {"host": "b"}}]}],
            },
        }
    )
    assert [message.path for message in verdict.errors] == ["spec.http[0].route[0].weight", "spec.http[0].route"]
