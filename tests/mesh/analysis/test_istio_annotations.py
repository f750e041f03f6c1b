"""Annotations: unknown, misplaced, deprecated, unreadable."""

from __future__ import annotations

import pytest

from mesh.analysis.run import ANALYZERS, analyze
from tests.support.analysis import codes, world_of

NAMES = [name for name, analyzer in ANALYZERS.items() if analyzer.__module__ == "mesh.analysis.istio_annotations"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """
{apiVersion: v1, kind: Service, metadata: {name: a, annotations: {networking.istio.io/exportTo: "."}}}
            """,
            [],
        ),
        (
            """
{apiVersion: v1, kind: Service, metadata: {name: a, annotations: {networking.istio.io/exprtTo: "."}}}
            """,
            [("IST0108", "Service a")],
        ),
        (
            """
{apiVersion: v1, kind: Service, metadata: {name: a, annotations: {proxy.istio.io/config: "{}"}}}
            """,
            [("IST0107", "Service a")],
        ),
        (
            """
{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {sidecar.istio.io/inject: "maybe", helm.sh/x: "1"}}}
            """,
            [("IST0125", "Pod a")],
        ),
        (
            """
{apiVersion: apps/v1, kind: Deployment, metadata: {name: a},
  spec: {template: {metadata: {annotations: {alpha.istio.io/identity: x}}}}}
            """,
            [("IST0135", "Deployment a")],
        ),
    ],
)
def test_annotations(text: str, expected: list[tuple[str, str]]) -> None:
    assert codes(analyze(world_of(text), NAMES)) == expected
