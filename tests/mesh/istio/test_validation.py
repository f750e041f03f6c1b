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


@pytest.mark.parametrize(
    ("api_version", "kind", "instead"),
    [
        ("networking.istio.io/v1alpha3", "EnvoyFilter", "use VirtualService"),
        ("extensions.istio.io/v1alpha1", "WasmPlugin", "use AuthorizationPolicy"),
        ("networking.istio.io/v1", "Unheard", "Unheard is not supported by this mesh"),
    ],
)
def test_kinds_are_refused_with_what_to_use_instead(api_version: str, kind: str, instead: str) -> None:
    verdict = validate({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}})
    assert instead in verdict.errors[0].message


def test_a_dry_run_is_true_or_false() -> None:
    policy = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
              "metadata": {"name": "a", "annotations": {"istio.io/dry-run": "maybe"}}, "spec": {}}  # fmt: skip
    assert check(policy).errors[0].path == "metadata.annotations[istio.io/dry-run]"


def test_a_workload_entry_needs_a_spec() -> None:
    entry = {"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": "a"}}
    assert check(entry).errors[0].message == "spec: Required value"


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
