"""DestinationRules beyond Istio's table."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_destination_rule import check_client_tls, validate_destination_rule


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"host": "a"}, []),
        ({}, ["spec.host"]),
        ({"host": "a", "trafficPolicy": {"portLevelSettings": [{}]}}, ["spec.trafficPolicy.portLevelSettings[0].port"]),
        ({"host": "a", "trafficPolicy": {"connectionPool": {"http": {"http2KeepAlive": {"interval": "1s"}}}}},
         ["spec.trafficPolicy.connectionPool.http.http2KeepAlive.timeout"]),
        ({"host": "a", "trafficPolicy": {"outlierDetection": {"consecutiveLocalOriginFailures": 3}}},
         ["spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures"]),
        ({"host": "a", "trafficPolicy": {"tunnel": {"targetPort": 80}}}, ["spec.trafficPolicy.tunnel.targetHost"]),
        ({"host": "a", "workloadSelector": {"matchLabels": {"a": "b"}}, "exportTo": ["*"]}, ["spec.exportTo"]),
    ],
)  # fmt: skip
def test_errors(spec: dict[str, Any], paths: list[str]) -> None:
    found = Findings("spec")
    validate_destination_rule(found, spec, "default")
    assert [message.path for message in found.errors] == paths


@pytest.mark.parametrize(
    ("tls", "paths"),
    [
        ({"mode": "SIMPLE"}, []),
        ({"mode": "MUTUAL"}, ["clientCertificate", "privateKey"]),
        ({"mode": "ISTIO_MUTUAL", "privateKey": "k"}, ["privateKey"]),
        ({"mode": "SIMPLE", "credentialName": "c", "caCertificates": "x"}, ["credentialName"]),
        ({"mode": "SIMPLE", "insecureSkipVerify": True, "caCertificates": "x"}, ["caCertificates"]),
        ({"mode": "WHAT"}, ["mode"]),
    ],
)
def test_client_tls(tls: dict[str, Any], paths: list[str]) -> None:
    found = Findings()
    check_client_tls(found, tls)
    assert [message.path for message in found.errors] == paths
