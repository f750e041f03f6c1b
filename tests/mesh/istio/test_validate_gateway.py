"""Gateways beyond Istio's table."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_gateway import validate_gateway


def server(protocol: str = "HTTP", **fields: Any) -> dict[str, Any]:
    return {"port": {"number": 80, "name": "p", "protocol": protocol}, "hosts": ["a.com"], **fields}


@pytest.mark.parametrize(
    ("servers", "paths"),
    [
        ([server()], []),
        ([], ["spec.servers"]),
        ([server("HTTPS")], ["spec.servers[0].tls"]),
        ([server("HTTPS", tls={"mode": "SIMPLE", "credentialName": "c"})], []),
        ([server("HTTPS", tls={"mode": "NOPE"})], ["spec.servers[0].tls.mode"]),
        ([server("TLS", tls={"mode": "PASSTHROUGH"})], []),
        ([server("FOO")], ["spec.servers[0].port.protocol"]),
        ([server(hosts=["*"])], []),
        ([server(hosts=["short"])], ["spec.servers[0].hosts[0]"]),
        ([server(), server()], ["spec.servers[1].port.name"]),
    ],
)
def test_errors(servers: list[Any], paths: list[str]) -> None:
    found = Findings("spec")
    validate_gateway(found, {"servers": servers}, "default")
    assert [message.path for message in found.errors] == paths
