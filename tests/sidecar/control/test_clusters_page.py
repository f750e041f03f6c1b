"""The same numbers give the same pages as Envoy 1.40's recorded ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.control.clusters_page import clusters_json, clusters_text
from sidecar.engine import ClusterStatus, HostStatus

ENVOY = Path(__file__).resolve().parents[4] / "shared" / "reference" / "envoy"
LIMITS = {"max_connections": 1024, "max_pending_requests": 1024, "max_requests": 1024, "max_retries": 3}
DEAD = ClusterStatus(
    "dead",
    (HostStatus("127.0.0.1:1", 1, 0, "healthy", "", {"cx_connect_fail": 2, "cx_total": 2, "rq_error": 2}),),
    LIMITS,
    added_via_api=False,
)
B = ClusterStatus(
    "b",
    (
        HostStatus(
            "127.0.0.1:18100",
            1,
            0,
            "healthy",
            "",
            {"cx_active": 974, "cx_total": 2083, "rq_success": 40358, "rq_total": 41467},
        ),
    ),
    LIMITS,
    added_via_api=False,
)


@pytest.mark.skipif(not ENVOY.exists(), reason="Envoy's recorded output is not here")
def test_as_envoy() -> None:
    assert clusters_text([DEAD, B]) == (ENVOY / "envoy-clusters.txt").read_text()
    assert clusters_json([B, DEAD]) == json.loads((ENVOY / "envoy-clusters_format_json.txt").read_text())


def test_pipes_health_and_origin() -> None:
    host = HostStatus("/run/pm/inbound.sock", 2, 1, "/failed_eds_health/failed_outlier_check", "name")
    [status] = clusters_json([ClusterStatus("c", (host,), {"max_retries": 7})])["cluster_statuses"]
    assert status["added_via_api"] is True
    assert status["circuit_breakers"]["thresholds"][0]["max_retries"] == 7
    [shown] = status["host_statuses"]
    assert shown["address"] == {"pipe": {"path": "/run/pm/inbound.sock"}}
    assert shown["health_status"] == {"failed_outlier_check": True, "eds_health_status": "UNHEALTHY"}
    assert (shown["hostname"], shown["priority"], shown["weight"]) == ("name", 1, 2)
