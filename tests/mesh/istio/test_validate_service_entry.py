"""ServiceEntries beyond Istio's table."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_service_entry import validate_service_entry

PORT = {"number": 80, "name": "http", "protocol": "HTTP"}


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"hosts": ["a.com"], "ports": [PORT]}, []),
        ({"ports": [PORT]}, ["spec.hosts"]),
        ({"hosts": ["*"], "ports": [PORT]}, ["spec.hosts[0]"]),
        ({"hosts": ["a.com"], "ports": [{**PORT, "protocol": "FOO"}]}, ["spec.ports[0].protocol"]),
        ({"hosts": ["a.com"], "ports": [PORT], "resolution": "STATIC"}, ["spec.endpoints"]),
        ({"hosts": ["a.com"], "ports": [PORT], "endpoints": [{"address": "1.1.1.1"}]}, ["spec.endpoints"]),
        ({"hosts": ["a.com"], "ports": [PORT], "resolution": "MAYBE"}, ["spec.resolution"]),
        ({"hosts": ["a.com"], "ports": [PORT], "resolution": "STATIC", "endpoints": [{"address": "a.com"}]},
         ["spec.endpoints[0].address"]),
        ({"hosts": ["a.com"], "ports": [PORT, PORT]}, ["spec.ports[1].name", "spec.ports[1].number"]),
        ({"hosts": ["a.com"], "ports": [PORT], "addresses": ["x"]}, ["spec.addresses[0]"]),
    ],
)  # fmt: skip
def test_errors(spec: dict[str, Any], paths: list[str]) -> None:
    found = Findings("spec")
    validate_service_entry(found, spec, "default")
    assert [message.path for message in found.errors] == paths


def test_tcp_without_an_address_is_warned_about() -> None:
    found = Findings("spec")
    spec = {"hosts": ["a.com"], "ports": [{"number": 1, "name": "t", "protocol": "TCP"}]}
    validate_service_entry(found, spec, "default")
    assert [message.path for message in found.warnings] == ["spec.addresses"]
