"""Namespaces and pods that are injected, or should be."""

from __future__ import annotations

import pytest

from mesh.analysis.run import ANALYZERS, analyze
from tests.support.analysis import codes, world_of

NAMES = [name for name, analyzer in ANALYZERS.items() if analyzer.__module__ == "mesh.analysis.injection"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """
{apiVersion: v1, kind: Namespace, metadata: {name: a}}
            """,
            [("IST0102", "Namespace a")],
        ),
        (
            """
{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {istio-injection: disabled}}}
            """,
            [],
        ),
        (
            """
{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {istio-injection: enabled, istio.io/rev: x}}}
            """,
            [("IST0123", "Namespace a")],
        ),
        (
            """
{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {istio-injection: enabled}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: a}, spec: {containers: [{name: c}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: q, namespace: a}, spec: {containers: [{name: istio-proxy}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: h, namespace: a}, spec: {hostNetwork: true}}
            """,
            [("IST0103", "Pod a/p")],
        ),
        (
            """
{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: istio-proxy, image: auto}]}}
            """,
            [("IST0147", "Pod p")],
        ),
        (
            """
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {template: {spec: {containers: [{name: c,
  image: auto}]}}}}
            """,
            [("IST0146", "Deployment d")],
        ),
    ],
)
def test_injection(text: str, expected: list[tuple[str, str]]) -> None:
    assert codes(analyze(world_of(text), NAMES)) == expected
