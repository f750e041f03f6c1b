"""Addresses outside Kubernetes."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_workload_entry import validate_workload_entry, validate_workload_group


@pytest.mark.parametrize(
    ("spec", "errors", "warnings"),
    [
        ({"address": "1.2.3.4", "ports": {"http": 80}}, [], []),
        ({}, ["spec.address"], []),
        ({"network": "n"}, [], ["spec.network"]),
        ({"address": "unix:///a/b"}, [], []),
        ({"address": "unix://@a"}, [], []),
        ({"address": "unix://a"}, ["spec.address"], []),
        ({"address": "unix:///a/"}, ["spec.address"], []),
        ({"address": "unix:///a", "ports": {"x": 1}}, ["spec.ports"], []),
        ({"address": "*.a.b"}, ["spec.address"], []),
        ({"address": "a.b", "ports": {"@": 0}}, ["spec.ports[@]", "spec.ports[@]"], []),
        ({"address": "a.b", "labels": {"a": "~"}}, ["spec.labels[a]"], []),
    ],
)
def test_workload_entry(spec: dict[str, Any], errors: list[str], warnings: list[str]) -> None:
    found = Findings("spec")
    validate_workload_entry(found, spec, "default")
    assert [one.path for one in found.errors] == errors
    assert [one.path for one in found.warnings] == warnings


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"template": {}}, []),
        ({}, ["spec.template"]),
        ({"template": {}, "metadata": {"labels": {".": "a"}}}, ["spec.metadata.labels"]),
        ({"template": {}, "probe": {}}, ["spec.probe"]),
        ({"template": {}, "probe": {"tcpSocket": {"port": 1}, "exec": {"command": ["a"]}}}, ["spec.probe"]),
        ({"template": {}, "probe": {"exec": {}}}, ["spec.probe.exec.command"]),
        ({"template": {}, "probe": {"grpc": {}}}, []),
        ({"template": {}, "probe": {"httpGet": {"port": 0}}}, ["spec.probe.httpGet.port"]),
        ({"template": {}, "probe": {"periodSeconds": -1, "grpc": {}}}, ["spec.probe.periodSeconds"]),
    ],
)
def test_workload_group(spec: dict[str, Any], errors: list[str]) -> None:
    found = Findings("spec")
    validate_workload_group(found, spec, "default")
    assert [one.path for one in found.errors] == errors
