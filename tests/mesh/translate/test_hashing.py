"""What a consistent hash looks at."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.translate.hashing import hash_policies
from tests.support.compiled import RATINGS, destination_rule, state, view


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{httpHeaderName: x-user}", {"header": {"header_name": "x-user"}}),
        ("{httpCookie: {name: c, ttl: 0s, path: /}}", {"cookie": {"name": "c", "ttl": "0s", "path": "/"}}),
        ("{useSourceIp: true}", {"connection_properties": {"source_ip": True}}),
        ("{httpQueryParameterName: q}", {"query_parameter": {"name": "q"}}),
    ],
)
def test_hash_policies(spec: str, expected: dict[str, Any]) -> None:
    mesh = state(destination_rule(f"trafficPolicy: {{loadBalancer: {{consistentHash: {spec}}}}}"))
    service = mesh.service(RATINGS, "default")
    assert service is not None
    assert hash_policies(view(mesh), service, 9080, "") == [expected]


def test_without_a_rule_there_is_none() -> None:
    mesh = state()
    service = mesh.service(RATINGS, "default")
    assert service is not None
    assert hash_policies(view(mesh), service, 9080, "") == []
