"""Webhooks, definitions, EnvoyFilters."""

from __future__ import annotations

import pytest

from mesh.analysis.run import ANALYZERS, analyze
from tests.support.analysis import codes, world_of

NAMES = [name for name, analyzer in ANALYZERS.items() if analyzer.__module__ == "mesh.analysis.platform"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """
{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: a},
  spec: {configPatches: [{applyTo: HTTP_FILTER, patch: {operation: INSERT_BEFORE}}]}}
            """,
            [("IST0151", "EnvoyFilter a")],
        ),
        (
            """
{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: a}, spec: {priority: 1,
  configPatches: [{applyTo: HTTP_FILTER, patch: {operation: INSERT_BEFORE}}]}}
            """,
            [],
        ),
        (
            """
{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: a},
  spec: {configPatches: [{applyTo: CLUSTER, patch: {operation: REPLACE}}]}}
            """,
            [("IST0152", "EnvoyFilter a")],
        ),
        (
            """
{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: a},
  spec: {configPatches: [{applyTo: HTTP_ROUTE, patch: {operation: ADD}}]}}
            """,
            [("IST0153", "EnvoyFilter a")],
        ),
        (
            """
{apiVersion: v1, kind: ValidatingWebhookConfiguration, metadata: {name: istio-validator-x},
  webhooks: [{name: a, clientConfig: {url: "https://1.2.3.4/x"}}]}
            """,
            [("IST0164", "ValidatingWebhookConfiguration istio-validator-x")],
        ),
        (
            """
{apiVersion: v1, kind: ValidatingWebhookConfiguration, metadata: {name: istio-validator-x},
  webhooks: [{name: a, clientConfig: {}}]}
            """,
            [("IST0163", "ValidatingWebhookConfiguration istio-validator-x")],
        ),
    ],
)
def test_platform(text: str, expected: list[tuple[str, str]]) -> None:
    assert codes(analyze(world_of(text), NAMES)) == expected
