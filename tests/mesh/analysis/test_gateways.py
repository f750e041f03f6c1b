"""Workload, ports, certificates and rivals of Gateways."""

from __future__ import annotations

import pytest

from mesh.analysis.run import ANALYZERS, analyze
from tests.support.analysis import codes, world_of

NAMES = [name for name, analyzer in ANALYZERS.items() if analyzer.__module__ == "mesh.analysis.gateways"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """
{apiVersion: networking, kind: Gateway, metadata: {name: a}, spec: {selector: {istio: ingressgateway},
  servers: [{port: {number: 80, name: h, protocol: HTTPS}, hosts: ["a.b"], tls: {mode: SIMPLE,
  credentialName: ""}}]}}
            """,
            [],
        ),
        (
            """
{apiVersion: networking, kind: Gateway, metadata: {name: a}, spec: {selector: {app: none},
  servers: [{port: {number: 80, name: h, protocol: HTTPS}, hosts: ["a.b"], tls: {mode: SIMPLE,
  credentialName: ""}}]}}
            """,
            [("IST0101", "Gateway a")],
        ),
        (
            """
{apiVersion: networking, kind: Gateway, metadata: {name: a}, spec: {selector: {istio: ingressgateway},
  servers: [{port: {number: 81, name: h, protocol: HTTPS}, hosts: ["a.b"], tls: {mode: SIMPLE,
  credentialName: ""}}]}}
            """,
            [("IST0162", "Gateway a")],
        ),
        (
            """
{apiVersion: networking, kind: Gateway, metadata: {name: a}, spec: {selector: {istio: ingressgateway},
  servers: [{port: {number: 80, name: h, protocol: HTTPS}, hosts: ["a.b"], tls: {mode: SIMPLE,
  credentialName: "s"}}]}}
            """,
            [("IST0101", "Gateway a")],
        ),
        (
            """
{apiVersion: networking, kind: Gateway, metadata: {name: a}, spec: {selector: {istio: ingressgateway},
  servers: [{port: {number: 80, name: h, protocol: HTTPS}, hosts: ["a.b"], tls: {mode: SIMPLE,
  credentialName: "s"}}]}}
---
{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: istio-system}, stringData: {tls.crt: x}}
            """,
            [("IST0161", "Gateway a")],
        ),
        (
            """
{apiVersion: networking, kind: Gateway, metadata: {name: a}, spec: {selector: {istio: ingressgateway},
  servers: [{port: {number: 80, name: h, protocol: HTTPS}, hosts: ["a.b"], tls: {mode: SIMPLE,
  credentialName: ""}}]}}
---
{apiVersion: networking, kind: Gateway, metadata: {name: b}, spec: {selector: {istio: ingressgateway},
  servers: [{port: {number: 80, name: h, protocol: HTTPS}, hosts: ["*.b"], tls: {mode: SIMPLE,
  credentialName: ""}}]}}
            """,
            [("IST0145", "Gateway a"), ("IST0145", "Gateway b")],
        ),
        (
            """
{apiVersion: networking, kind: Gateway, metadata: {name: a}, spec: {selector: {istio: ingressgateway},
  servers: [{port: {number: 80, name: h, protocol: HTTPS}, hosts: ["x/a.b"], tls: {mode: SIMPLE,
  credentialName: ""}}]}}
---
{apiVersion: networking, kind: Gateway, metadata: {name: b}, spec: {selector: {istio: ingressgateway},
  servers: [{port: {number: 80, name: h, protocol: HTTPS}, hosts: ["y/a.b"], tls: {mode: SIMPLE,
  credentialName: ""}}]}}
            """,
            [],
        ),
    ],
)
def test_gateways(text: str, expected: list[tuple[str, str]]) -> None:
    assert codes(analyze(world_of(text), NAMES)) == expected
