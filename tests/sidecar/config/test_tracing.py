"""Tracing of a connection manager, as Istio sends it."""

from __future__ import annotations

from sidecar.config.decode import decode
from sidecar.config.tracing import Tracing
from tests.sidecar.config.tables import refusal


def test_istios_form() -> None:
    tracing = decode(
        Tracing,
        {
            "random_sampling": {"value": 1},
            "custom_tags": [{"tag": "istio.namespace", "literal": {"value": "default"}}],
            "provider": {
                "name": "envoy.tracers.opentelemetry",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                    "service_name": "reviews.default",
                    "http_service": {"http_uri": {"uri": "https://x/v1/traces", "cluster": "c", "timeout": "10s"}},
                },
            },
        },
    )
    assert (tracing.random_sampling.fraction, tracing.client_sampling.fraction) == (0.01, 1.0)
    assert tracing.provider is not None and tracing.provider.typed_config.service_name == "reviews.default"


def test_refused() -> None:
    assert refusal(Tracing, {"spawn_upstream_span": True}).path == "spawn_upstream_span"
    assert refusal(Tracing, {"custom_tags": [{"tag": "a"}]}).path == "custom_tags[0]"
