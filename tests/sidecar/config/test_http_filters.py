"""HTTP filters: what Istio sends of them parses, what they cannot do is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.http_filters import CorsPolicy, HTTPFault, HttpFilter, PeerMetadata
from tests.sidecar.config.tables import refusal

TYPES = "type.googleapis.com/"


@pytest.mark.parametrize(
    "config",
    [
        {"@type": TYPES + "envoy.extensions.filters.http.router.v3.Router"},
        {"@type": TYPES + "envoy.extensions.filters.http.fault.v3.HTTPFault"},
        {"@type": TYPES + "envoy.extensions.filters.http.cors.v3.Cors"},
        {"@type": TYPES + "stats.PluginConfig", "disable_host_header_fallback": True},
        {
            "@type": TYPES + "io.istio.http.peer_metadata.Config",
            "upstream_discovery": [{"istio_headers": {}}],
            "upstream_propagation": [{"istioHeaders": {}}],
        },
    ],
)
def test_known_filters(config: dict[str, Any]) -> None:
    taken = decode(HttpFilter, {"name": "x", "typed_config": config}).typed_config
    assert config["@type"] == TYPES + taken.TYPE


def test_defaults_of_a_fault() -> None:
    fault = decode(HTTPFault, {"abort": {"http_status": 503}})
    assert fault.abort is not None and fault.abort.percentage.fraction == 0.0


@pytest.mark.parametrize(
    ("message", "value", "path"),
    [
        (HttpFilter, {"name": "x"}, "typed_config"),
        (
            HttpFilter,
            {"name": "x", "typed_config": {"@type": "envoy.extensions.filters.http.lua.v3.Lua"}},
            "typed_config.@type",
        ),
        (HTTPFault, {"delay": {"fixed_delay": "0s"}}, "delay.fixed_delay"),
        (HTTPFault, {"abort": {"http_status": 199}}, "abort.http_status"),
        (HTTPFault, {"abort": {}}, "abort"),
        (HTTPFault, {"response_rate_limit": {}}, "response_rate_limit"),
        (CorsPolicy, {"shadow_enabled": {}}, "shadow_enabled"),
        (
            PeerMetadata,
            {"upstream_discovery": [{"workload_discovery": {}}]},
            "upstream_discovery[0].workload_discovery",
        ),
    ],
)
def test_refused(message: Any, value: dict[str, Any], path: str) -> None:
    assert refusal(message, value).path == path
