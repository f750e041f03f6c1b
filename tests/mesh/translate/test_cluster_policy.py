"""Traffic policies as fields of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.translate import cluster_policy as policy


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {"lb_policy": "LEAST_REQUEST"}),
        ({"simple": "UNSPECIFIED"}, {"lb_policy": "LEAST_REQUEST"}),
        ({"simple": "LEAST_CONN"}, {"lb_policy": "LEAST_REQUEST"}),
        ({"simple": "ROUND_ROBIN"}, {"lb_policy": "ROUND_ROBIN"}),
        (
            {"consistentHash": {"useSourceIp": True}},
            {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": 1024}},
        ),
        (
            {"consistentHash": {"useSourceIp": True, "maglev": {"tableSize": 101}}},
            {"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": 101}},
        ),
    ],
)
def test_balancing(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert policy.balancing({"loadBalancer": spec}) == expected


def test_passthrough() -> None:
    assert policy.is_passthrough({"loadBalancer": {"simple": "PASSTHROUGH"}})
    assert not policy.is_passthrough({})


def test_limits_are_lifted_unless_set() -> None:
    pools = {"connectionPool": {"tcp": {"maxConnections": 7}, "http": {"http1MaxPendingRequests": 3, "maxRetries": 0}}}
    (limits,) = policy.circuit_breakers(pools)["thresholds"]
    assert limits["max_connections"] == 7
    assert limits["max_pending_requests"] == 3
    assert limits["max_requests"] == limits["max_retries"] == 2**32 - 1


def test_connect_timeout() -> None:
    assert policy.connect_timeout({}, 10.0) == "10s"
    assert policy.connect_timeout({"connectionPool": {"tcp": {"connectTimeout": "250ms"}}}, 10.0) == "0.25s"


def test_connection_options() -> None:
    assert policy.connection_options({}) == {}
    pools = {
        "tcp": {"tcpKeepalive": {"time": "7200s", "probes": 3}, "idleTimeout": "1m"},
        "http": {"maxRequestsPerConnection": 2, "idleTimeout": "30s"},
    }
    found = policy.connection_options({"connectionPool": pools})
    assert found["upstream_connection_options"]["tcp_keepalive"] == {"keepalive_probes": 3, "keepalive_time": 7200}
    (options,) = found["typed_extension_protocol_options"].values()
    assert options["common_http_protocol_options"] == {"idle_timeout": "30s", "max_requests_per_connection": 2}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {"enforcing_success_rate": 0}),
        (
            {"consecutive5xxErrors": 3, "interval": "1s"},
            {"enforcing_success_rate": 0, "consecutive_5xx": 3, "enforcing_consecutive_5xx": 100, "interval": "1s"},
        ),
        ({"consecutive5xxErrors": 0}, {"enforcing_success_rate": 0, "enforcing_consecutive_5xx": 0}),
        (
            {"consecutiveGatewayErrors": 2},
            {
                "enforcing_success_rate": 0,
                "consecutive_gateway_failure": 2,
                "enforcing_consecutive_gateway_failure": 100,
            },
        ),
    ],
)
def test_outliers(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    found = policy.outlier_detection({"outlierDetection": spec})
    assert found["outlier_detection"] == expected
    assert found["common_lb_config"] == {"healthy_panic_threshold": {"value": 0}}


def test_no_outliers_without_the_block() -> None:
    assert policy.outlier_detection({}) == {}
