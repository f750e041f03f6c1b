"""Clusters: kinds of discovery, policies that are there, policies that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.cluster import Cluster
from sidecar.config.decode import decode
from tests.sidecar.config.tables import refusal

CHECK = {"timeout": "1s", "interval": "1s", "unhealthy_threshold": 1, "healthy_threshold": 1, "tcp_health_check": {}}
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def test_envoys_defaults() -> None:
    cluster = decode(Cluster, {"name": "a"})
    assert (cluster.type, cluster.lb_policy, cluster.connect_timeout) == ("STATIC", "ROUND_ROBIN", 5.0)
    limits = cluster.circuit_breakers.of("DEFAULT")
    assert (limits.max_connections, limits.max_pending_requests, limits.max_requests, limits.max_retries) == (
        1024,
        1024,
        1024,
        3,
    )
    assert cluster.eds_name is None


def test_endpoints_by_name() -> None:
    config: dict[str, Any] = {"name": "a", "type": "EDS", "eds_cluster_config": {"eds_config": {"ads": {}}}}
    assert decode(Cluster, config).eds_name == "a"
    config["eds_cluster_config"]["service_name"] = "b"
    assert decode(Cluster, config).eds_name == "b"


def test_http_options() -> None:
    options = {
        "@type": f"type.googleapis.com/{OPTIONS}",
        "common_http_protocol_options": {"max_requests_per_connection": 1},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    cluster = decode(Cluster, {"name": "a", "typed_extension_protocol_options": {OPTIONS: options}})
    assert cluster.http_options.common_http_protocol_options.max_requests_per_connection == 1


def test_automatic_names() -> None:
    explicit = {"http_protocol_options": {}}

    def options(**fields: Any) -> dict[str, Any]:
        one = {"@type": OPTIONS, "upstream_http_protocol_options": fields, "explicit_http_config": explicit}
        return {"name": "a", "typed_extension_protocol_options": {OPTIONS: one}}

    def header(**fields: Any) -> bytes:
        names = decode(Cluster, options(**fields)).http_options.upstream_http_protocol_options
        assert names is not None
        return names.sni_header

    assert header() == b""
    assert header(auto_sni=True) == b":authority"
    assert header(auto_sni=True, override_auto_sni_header="X-Name") == b"x-name"
    assert refusal(Cluster, options(auto_san_validation=True)).path.endswith("auto_san_validation")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"name": ""}, "name"),
        ({"type": "EDS"}, "eds_cluster_config"),
        ({"type": "ORIGINAL_DST"}, "lb_policy"),
        ({"lb_policy": "CLUSTER_PROVIDED"}, "lb_policy"),
        (
            {
                "type": "EDS",
                "eds_cluster_config": {"eds_config": {"ads": {}}},
                "load_assignment": {"cluster_name": "a"},
            },
            "load_assignment",
        ),
        ({"type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "health_checks": [CHECK]}, "health_checks"),
        ({"connect_timeout": "0s"}, "connect_timeout"),
        ({"type": "LOGICAL_DNS"}, "load_assignment"),
        ({"dns_failure_refresh_rate": {"base_interval": "0s"}}, "dns_failure_refresh_rate.base_interval"),
        (
            {"dns_failure_refresh_rate": {"base_interval": "2s", "max_interval": "1s"}},
            "dns_failure_refresh_rate.max_interval",
        ),
        ({"preconnect_policy": {}}, "preconnect_policy"),
        ({"common_lb_config": {"update_merge_window": "1s"}}, "common_lb_config.update_merge_window"),
        (
            {
                "typed_extension_protocol_options": {
                    OPTIONS: {
                        "@type": OPTIONS,
                        "explicit_http_config": {"http2_protocol_options": {"allow_connect": True}},
                    }
                }
            },
            f"typed_extension_protocol_options[{OPTIONS}].explicit_http_config.http2_protocol_options.allow_connect",
        ),
    ],
)
def test_refused(value: dict[str, Any], path: str) -> None:
    assert refusal(Cluster, {"name": "a", **value}).path == path
