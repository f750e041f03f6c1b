"""Objects by themselves."""

from __future__ import annotations

import pytest

from mesh.analysis.run import ANALYZERS, analyze
from tests.support.analysis import codes, world_of

NAMES = [name for name, analyzer in ANALYZERS.items() if analyzer.__module__ == "mesh.analysis.schema"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """
{apiVersion: networking, kind: VirtualService, metadata: {name: a}, spec: {hosts: [web]}}
            """,
            [("IST0106", "VirtualService a")],
        ),
        (
            """
{apiVersion: networking, kind: VirtualService, metadata: {name: a}, spec: {hosts: [web],
  http: [{match: [{uri: {regex: "["}}], route: [{destination: {host: web}}]}]}}
            """,
            [("IST0122", "VirtualService a")],
        ),
        (
            """
{apiVersion: networking, kind: VirtualService, metadata: {name: a}, spec: {hosts: [web],
   http: [{route: [{destination: {host: web}}]}]}}
            """,
            [],
        ),
    ],
)
def test_schema(text: str, expected: list[tuple[str, str]]) -> None:
    assert codes(analyze(world_of(text), NAMES)) == expected
