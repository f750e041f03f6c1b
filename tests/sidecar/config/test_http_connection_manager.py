"""The connection manager: defaults that operators rely on, and the order of filters."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.http_connection_manager import HttpConnectionManager
from tests.sidecar.config.tables import refusal

ROUTER = {"name": "r", "typed_config": {"@type": "envoy.extensions.filters.http.router.v3.Router"}}
CORS = {"name": "c", "typed_config": {"@type": "envoy.extensions.filters.http.cors.v3.Cors"}}
SMALLEST: dict[str, Any] = {"stat_prefix": "x", "route_config": {}, "http_filters": [ROUTER]}


def test_envoys_defaults() -> None:
    manager = decode(HttpConnectionManager, SMALLEST)
    assert (manager.stream_idle_timeout, manager.max_request_headers_kb, manager.server_name) == (300.0, 60, "envoy")
    assert manager.forward_client_cert_details == "SANITIZE"
    assert manager.common_http_protocol_options.max_headers_count == 100


def test_filters_in_order() -> None:
    manager = decode(HttpConnectionManager, {**SMALLEST, "http_filters": [CORS, ROUTER]})
    assert [one.name for one in manager.http_filters] == ["c", "r"]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"http_filters": []}, "http_filters"),
        ({"http_filters": [CORS]}, "http_filters[0]"),
        ({"http_filters": [ROUTER, CORS]}, "http_filters[0]"),
        ({"http_filters": [CORS, CORS, ROUTER]}, "http_filters[1]"),
        ({"codec_type": "HTTP3"}, "codec_type"),
        (
            {"http2_protocol_options": {"initial_stream_window_size": 65534}},
            "http2_protocol_options.initial_stream_window_size",
        ),
        ({"http2_protocol_options": {"max_concurrent_streams": 0}}, "http2_protocol_options.max_concurrent_streams"),
        ({"http2_protocol_options": {"hpack_table_size": 65537}}, "http2_protocol_options.hpack_table_size"),
        ({"http2_protocol_options": {"allow_metadata": True}}, "http2_protocol_options.allow_metadata"),
        ({"codec_type": "HTTP3"}, "codec_type"),
        ({"local_reply_config": {}}, "local_reply_config"),
        ({"rds": {"config_source": {"ads": {}}, "route_config_name": "a"}}, "route_config"),
        ({"stat_prefix": ""}, "stat_prefix"),
        ({"max_request_headers_kb": 9000}, "max_request_headers_kb"),
        ({"http_protocol_options": {"allow_absolute_url": False}}, "http_protocol_options.allow_absolute_url"),
    ],
)
def test_refused(value: dict[str, Any], path: str) -> None:
    assert refusal(HttpConnectionManager, {**SMALLEST, **value}).path == path
