"""Istio's own analysis table; order, suppression, and the demo as clean input."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.analysis.model import Resource, World
from mesh.analysis.run import ANALYZERS, analyze
from mesh.offline.documents import read_documents
from tests.support.analysis import codes, world_of

ROOT = Path(__file__).resolve().parents[3]
CASES = ROOT.parent / "shared" / "cases" / "istio_analyze.json"
RENAMED = {"telemetry.LightstepAnalyzer": "telemetry.ProviderAnalyzer"}
BAD = """
{apiVersion: v1, kind: Namespace, metadata: {name: a}}
---
{apiVersion: networking, kind: VirtualService, metadata: {name: v, namespace: a}, spec: {hosts: [x]}}
"""


def rows() -> list[dict[str, Any]]:
    return json.loads(CASES.read_text()) if CASES.exists() else []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["name"])
def test_istios_analysis_table(row: dict[str, Any]) -> None:
    documents = [one for file, text in row["inputs"].items() for one in read_documents(file, text) if not one.problem]
    config = yaml.safe_load(row["meshConfig"]) if row["meshConfig"] else {}
    name = RENAMED.get(row["analyzer"], row["analyzer"])
    found = analyze(World(tuple(map(Resource, documents)), config), [name])
    expected = Counter((one["code"], one["level"], one["resource"]) for one in row["expected"])
    assert Counter((one.code, one.level, one.resource.label) for one in found) == expected


def test_errors_come_first_with_their_line() -> None:
    found = [one.as_json() for one in analyze(world_of(BAD))]
    assert [(one["code"], one["level"], one["line"]) for one in found] == [
        ("IST0106", "Error", 4),
        ("IST0102", "Info", 2),
    ]


@pytest.mark.parametrize(
    ("suppress", "left"),
    [
        (["IST0106"], ["IST0102"]),
        (["IST0106=VirtualService v.a"], ["IST0102"]),
        (["IST0102=Namespace *"], ["IST0106"]),
        (["IST0106=VirtualService w"], ["IST0102", "IST0106"]),
    ],
)
def test_suppression(suppress: list[str], left: list[str]) -> None:
    assert [code for code, _ in codes(analyze(world_of(BAD), suppress=suppress))] == left


def test_an_object_can_suppress_its_own() -> None:
    text = "{apiVersion: v1, kind: Namespace, metadata: {name: a, annotations: {galley.istio.io/analyze-suppress: %s}}}"
    assert analyze(world_of(text % "IST0102"), ["injection.Analyzer"]) == []
    assert len(analyze(world_of(text % "IST0103"), ["injection.Analyzer"])) == 1


def test_the_demo_is_clean() -> None:
    files = sorted((ROOT / "demos" / "bookinfo" / "manifests").glob("*.yaml"))
    documents = [one for file in files for one in read_documents(str(file), file.read_text())]
    found = analyze(World(tuple(map(Resource, documents))))
    assert [one.as_json() for one in found if one.level == "Error"] == []


def test_every_analyzer_is_harmless_on_nothing_and_on_hostile_shapes() -> None:
    hostile = [{"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}
               for kind in ("Gateway", "VirtualService", "DestinationRule", "Service", "Sidecar", "Telemetry", "Pod")
               for spec in (None, 3, [], {"ports": 3, "hosts": [None], "servers": [None], "http": [3]})]  # fmt: skip
    text = "\n---\n".join(json.dumps(one) for one in hostile)
    assert analyze(world_of("")) == []
    assert {one.code for one in analyze(world_of(text), ANALYZERS)} <= {"IST0101", "IST0118", "IST0109", "IST0174",
                                                                          "IST0111", "IST0160"}  # fmt: skip
