"""Policies and the workloads they select."""

from __future__ import annotations

import pytest

from mesh.analysis.run import ANALYZERS, analyze
from tests.support.analysis import codes, world_of

NAMES = [name for name, analyzer in ANALYZERS.items() if analyzer.__module__ == "mesh.analysis.policies"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """
{apiVersion: security, kind: AuthorizationPolicy, metadata: {name: a}, spec: {}}
            """,
            [("IST0127", "AuthorizationPolicy a")],
        ),
        (
            """
{apiVersion: security, kind: AuthorizationPolicy, metadata: {name: a}, spec: {}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: x}}}
            """,
            [],
        ),
        (
            """
{apiVersion: security, kind: AuthorizationPolicy, metadata: {name: a}, spec: {selector: {matchLabels: {app: y}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: x}}}
            """,
            [("IST0127", "AuthorizationPolicy a")],
        ),
        (
            """
{apiVersion: security, kind: AuthorizationPolicy, metadata: {name: a},
  spec: {rules: [{from: [{source: {namespaces: [nowhere, "def*"]}}]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: x}}}
            """,
            [("IST0101", "AuthorizationPolicy a")],
        ),
        (
            """
{apiVersion: telemetry, kind: Telemetry, metadata: {name: a}, spec: {}}
---
{apiVersion: telemetry, kind: Telemetry, metadata: {name: b}, spec: {}}
            """,
            [("IST0160", "Telemetry a"), ("IST0160", "Telemetry b")],
        ),
        (
            """
{apiVersion: telemetry, kind: Telemetry, metadata: {name: a}, spec: {accessLogging: [{disabled: false}]}}
            """,
            [("IST0157", "Telemetry a")],
        ),
        (
            """
{apiVersion: networking, kind: Sidecar, metadata: {name: a}, spec: {workloadSelector: {labels: {app: x}}}}
---
{apiVersion: networking, kind: Sidecar, metadata: {name: b}, spec: {workloadSelector: {labels: {app: x}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: x}}}
            """,
            [("IST0110", "Sidecar a"), ("IST0110", "Sidecar b")],
        ),
        (
            """
{apiVersion: networking, kind: Sidecar, metadata: {name: a}, spec: {workloadSelector: {labels: {app: z}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: x}}}
            """,
            [("IST0101", "Sidecar a")],
        ),
    ],
)
def test_policies(text: str, expected: list[tuple[str, str]]) -> None:
    assert codes(analyze(world_of(text), NAMES)) == expected
