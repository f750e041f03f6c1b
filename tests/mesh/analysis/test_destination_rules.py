"""DestinationRules and ServiceEntries."""

from __future__ import annotations

import pytest

from mesh.analysis.run import ANALYZERS, analyze
from tests.support.analysis import codes, world_of

NAMES = [name for name, analyzer in ANALYZERS.items() if analyzer.__module__ == "mesh.analysis.destination_rules"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """
{apiVersion: networking, kind: DestinationRule, metadata: {name: a}, spec: {host: web}}
            """,
            [("IST0174", "DestinationRule a")],
        ),
        (
            """
{apiVersion: networking, kind: DestinationRule, metadata: {name: a}, spec: {host: web}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
            """,
            [],
        ),
        (
            """
{apiVersion: networking, kind: DestinationRule, metadata: {name: a}, spec: {host: web,
  trafficPolicy: {tls: {mode: SIMPLE}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
            """,
            [("IST0128", "DestinationRule a")],
        ),
        (
            """
{apiVersion: networking, kind: DestinationRule, metadata: {name: a}, spec: {host: web,
  trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: MUTUAL}}]}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
            """,
            [("IST0129", "DestinationRule a")],
        ),
        (
            """
{apiVersion: networking, kind: DestinationRule, metadata: {name: a}, spec: {host: web,
  trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
            """,
            [],
        ),
        (
            """
{apiVersion: networking, kind: DestinationRule, metadata: {name: a}, spec: {host: web, subsets: [{name: v1,
  labels: {version: v1}}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
            """,
            [("IST0173", "DestinationRule a")],
        ),
        (
            """
{apiVersion: networking, kind: DestinationRule, metadata: {name: a}, spec: {host: web, subsets: [{name: v1,
  labels: {version: v1, topology.kubernetes.io/zone: z}}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: web, version: v1}}}
            """,
            [],
        ),
        (
            """
{apiVersion: networking, kind: ServiceEntry, metadata: {name: s}, spec: {hosts: [a.b], ports: [{number: 80,
  name: p, protocol: TCP}]}}
            """,
            [("IST0134", "ServiceEntry s")],
        ),
        (
            """
{apiVersion: networking, kind: ServiceEntry, metadata: {name: s}, spec: {hosts: [a.b], ports: [{number: 80,
  name: p, protocol: TCP}], addresses: [10.0.0.1]}}
            """,
            [],
        ),
        (
            """
{apiVersion: networking, kind: ServiceEntry, metadata: {name: s}, spec: {hosts: [a.b], ports: [{number: 80,
  name: p, protocol: HTTP}]}}
---
{apiVersion: networking, kind: ServiceEntry, metadata: {name: t}, spec: {hosts: [a.b], ports: [{number: 80,
  name: p, protocol: TLS}]}}
            """,
            [("IST0177", "ServiceEntry s"), ("IST0177", "ServiceEntry t")],
        ),
    ],
)
def test_destination_rules(text: str, expected: list[tuple[str, str]]) -> None:
    assert codes(analyze(world_of(text), NAMES)) == expected
