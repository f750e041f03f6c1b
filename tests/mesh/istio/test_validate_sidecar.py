"""What a Sidecar imports and receives."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_sidecar import validate_sidecar


@pytest.mark.parametrize(
    ("spec", "errors", "warnings"),
    [
        ({}, ["spec"], []),
        ({"outboundTrafficPolicy": {}}, [], []),
        ({"egress": [{"hosts": ["*/*"]}]}, [], []),
        ({"egress": [{"hosts": ["*/*", "a/b.c"]}]}, [], ["spec.egress[0].hosts[1]"]),
        ({"egress": [{"hosts": ["a/*", "a/b.c"]}]}, [], ["spec.egress[0].hosts[1]"]),
        ({"egress": [{"hosts": ["a/b.c", "a/b.c"]}]}, [], ["spec.egress[0].hosts[1]"]),
        ({"egress": [{"hosts": ["~/*"]}]}, [], []),
        ({"egress": [{"hosts": ["a/b"]}]}, ["spec.egress[0].hosts[0]"], []),
        ({"egress": [{"hosts": ["A_/b.c"]}]}, ["spec.egress[0].hosts[0]"], []),
        ({"egress": [{"hosts": ["*/*"]}, {"hosts": ["*/*"]}]}, ["spec.egress[0]"], []),
        ({"egress": [{"hosts": ["*/*"], "bind": "1.1.1.1"}]}, ["spec.egress[0].bind"], []),
        (
            {"egress": [{"port": {"number": 80}, "bind": "unix:///a", "hosts": ["*/*"]}]},
            ["spec.egress[0].port.number"],
            [],
        ),
        (
            {"egress": [{"port": {"number": 80}, "hosts": ["*/*"]}, {"port": {"number": 80}, "hosts": ["*/*"]}]},
            ["spec.egress[1].port"],
            [],
        ),
        ({"ingress": [{"port": {"number": 80}, "defaultEndpoint": "127.0.0.1:80"}]}, [], []),
        (
            {"ingress": [{"port": {"number": 80}, "defaultEndpoint": "127.0.0.1:70000"}]},
            ["spec.ingress[0].defaultEndpoint"],
            [],
        ),
        (
            {"ingress": [{"port": {"number": 80}, "tls": {"mode": "SIMPLE"}}]},
            ["spec.ingress[0].tls.serverCertificate", "spec.ingress[0].tls.privateKey"],
            [],
        ),
        ({"inboundConnectionPool": {}}, ["spec.inboundConnectionPool"], []),
        (
            {"outboundTrafficPolicy": {"egressProxy": {"host": "a.b", "port": {"number": 1}}}},
            ["spec.outboundTrafficPolicy.mode"],
            [],
        ),
    ],
)
def test_sidecar(spec: dict[str, Any], errors: list[str], warnings: list[str]) -> None:
    found = Findings("spec")
    validate_sidecar(found, spec, "default")
    assert [one.path for one in found.errors] == errors
    assert [one.path for one in found.warnings] == warnings
