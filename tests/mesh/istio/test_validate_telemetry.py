"""Tracing, metrics, access logging."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_telemetry import validate_proxy_config, validate_telemetry


@pytest.mark.parametrize(
    ("spec", "errors", "warnings"),
    [
        ({}, [], []),
        ({"tracing": [{}, {}]}, [], ["spec.tracing"]),
        ({"tracing": [{"randomSamplingPercentage": 101}]}, ["spec.tracing[0].randomSamplingPercentage"], []),
        ({"tracing": [{"customTags": {"a": {"literal": {"value": "x"}}}}]}, [], []),
        ({"tracing": [{"customTags": {"a": None}}]}, ["spec.tracing[0].customTags[a]"], []),
        ({"tracing": [{"customTags": {"a": {"header": {}}}}]}, ["spec.tracing[0].customTags[a].header.name"], []),
        (
            {"metrics": [{"overrides": [{"match": {"metric": "NONE"}}]}]},
            ["spec.metrics[0].overrides[0].match.metric"],
            [],
        ),
        (
            {"metrics": [{"overrides": [{"match": {"metric": "REQUEST_COUNT", "customMetric": "a"}}]}]},
            ["spec.metrics[0].overrides[0].match"],
            [],
        ),
        ({"metrics": [{"overrides": [{"tagOverrides": {"a": {"value": "b"}}}]}]}, [], []),
        (
            {"metrics": [{"overrides": [{"tagOverrides": {"a": {}}}]}]},
            ["spec.metrics[0].overrides[0].tagOverrides[a].value"],
            [],
        ),
        (
            {"metrics": [{"overrides": [{"tagOverrides": {"a": {"operation": "REMOVE", "value": "b"}}}]}]},
            ["spec.metrics[0].overrides[0].tagOverrides[a].value"],
            [],
        ),
        ({"accessLogging": [{"match": {"mode": "BOTH"}}]}, ["spec.accessLogging[0].match.mode"], []),
    ],
)
def test_telemetry(spec: dict[str, Any], errors: list[str], warnings: list[str]) -> None:
    found = Findings("spec")
    validate_telemetry(found, spec, "default")
    assert [one.path for one in found.errors] == errors
    assert [one.path for one in found.warnings] == warnings


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"concurrency": 0, "selector": {"matchLabels": {"a": "b"}}}, []),
        ({"concurrency": -1}, ["spec.concurrency"]),
        ({"selector": {"matchLabels": {"a": "b*"}}}, ["spec.selector.matchLabels"]),
    ],
)
def test_proxy_config(spec: dict[str, Any], errors: list[str]) -> None:
    found = Findings("spec")
    validate_proxy_config(found, spec, "default")
    assert [one.path for one in found.errors] == errors
