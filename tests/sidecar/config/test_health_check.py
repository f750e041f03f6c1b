"""Health checks: what is taken, and what is refused with its path."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.cluster import Cluster
from sidecar.config.decode import decode
from sidecar.config.health_check import HealthCheck, Payload
from tests.sidecar.config.tables import refusal

BASE: dict[str, Any] = {"timeout": "1s", "interval": "5s", "unhealthy_threshold": 3, "healthy_threshold": 1}
HTTP: dict[str, Any] = {"http_health_check": {"path": "/"}}


def test_defaults() -> None:
    check = decode(HealthCheck, {**BASE, **HTTP})
    assert (check.reuse_connection, check.no_traffic_interval, check.interval_jitter) == (True, 60.0, 0.0)
    assert decode(Payload, {"text": "0aFF"}).data == b"\x0a\xff"
    assert decode(Payload, {"binary": "AAE="}).data == b"\x00\x01"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({}, ""),
        ({**HTTP, "tcp_health_check": {}}, "tcp_health_check"),
        ({**HTTP, "interval": "0s"}, "interval"),
        ({**HTTP, "timeout": "0s"}, "timeout"),
        ({"http_health_check": {"path": "x"}}, "http_health_check.path"),
        ({"http_health_check": {}}, "http_health_check.path"),
        ({"http_health_check": {"path": "/", "expected_statuses": [{"start": 99, "end": 200}]}},
         "http_health_check.expected_statuses[0]"),
        ({"http_health_check": {"path": "/", "expected_statuses": [{"start": 200, "end": 200}]}},
         "http_health_check.expected_statuses[0]"),
        ({"http_health_check": {"path": "/", "codec_client_type": "HTTP2"}}, "http_health_check.codec_client_type"),
        ({"http_health_check": {"path": "/", "service_name_matcher": {}}}, "http_health_check.service_name_matcher"),
        ({"tcp_health_check": {"send": {"text": "zz"}}}, "tcp_health_check.send.text"),
        ({"tcp_health_check": {"receive": [{"text": ""}]}}, "tcp_health_check.receive[0]"),
        ({"grpc_health_check": {}}, "grpc_health_check"),
        ({**HTTP, "event_log_path": "/x"}, "event_log_path"),
        ({**HTTP, "tls_options": {}}, "tls_options"),
    ],
)  # fmt: skip
def test_refused(value: dict[str, Any], path: str) -> None:
    found = refusal(HealthCheck, {**BASE, **value})
    assert found.path.rstrip(".") == path


@pytest.mark.parametrize("field", ["timeout", "interval", "unhealthy_threshold", "healthy_threshold"])
def test_required(field: str) -> None:
    value = {key: one for key, one in BASE.items() if key != field}
    assert refusal(HealthCheck, {**value, **HTTP}).path == field


def test_one_check_a_cluster() -> None:
    check = {**BASE, **HTTP}
    assert decode(Cluster, {"name": "a", "health_checks": [check]}).health_checks
    assert refusal(Cluster, {"name": "a", "health_checks": [check, check]}).path == "health_checks[1]"
