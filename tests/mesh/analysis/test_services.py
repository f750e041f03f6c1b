"""Services, their ports, the Deployments behind them."""

from __future__ import annotations

import pytest

from mesh.analysis.run import ANALYZERS, analyze
from tests.support.analysis import codes, world_of

NAMES = [name for name, analyzer in ANALYZERS.items() if analyzer.__module__ == "mesh.analysis.services"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """
{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80, name: http-web}, {port: 81,
  name: x, appProtocol: http}]}}
            """,
            [],
        ),
        (
            """
{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80, name: httpx}]}}
            """,
            [("IST0118", "Service a")],
        ),
        (
            """
{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: ExternalName, ports: [{port: 80, name: web}]}}
            """,
            [("IST0150", "Service a")],
        ),
        (
            """
{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, securityContext: {runAsUser: 1337}}]}}
            """,
            [("IST0144", "Pod a")],
        ),
        (
            """
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {template: {metadata: {labels: {a: b,
  sidecar.istio.io/inject: "true"}}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {selector: {a: b}, ports: [{port: 80, name: http,
  targetPort: 8080}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: t}, spec: {selector: {a: b}, ports: [{port: 81, name: http,
  targetPort: 8080}]}}
            """,
            [("IST0137", "Deployment d")],
        ),
    ],
)
def test_services(text: str, expected: list[tuple[str, str]]) -> None:
    assert codes(analyze(world_of(text), NAMES)) == expected
