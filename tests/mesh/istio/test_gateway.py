"""The normalised view of a Gateway."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.gateway import gateway


def one(tls: dict[str, Any] | None, protocol: str = "HTTPS") -> Any:
    server = {"port": {"number": 443, "name": "s", "protocol": protocol}, "hosts": ["ns1/a.com", "b.com"], "tls": tls}
    return gateway({"metadata": {"name": "g"}, "spec": {"selector": {"istio": "x"}, "servers": [server]}}).servers[0]


@pytest.mark.parametrize(
    ("tls", "protocol", "mode", "terminates"),
    [
        ({"mode": "SIMPLE", "credentialName": "c"}, "HTTPS", "SIMPLE", True),
        ({"credentialName": "c"}, "HTTPS", "PASSTHROUGH", False),
        ({"httpsRedirect": True}, "HTTP", "", False),
        (None, "HTTP", "", False),
        ({"mode": "PASSTHROUGH"}, "TLS", "PASSTHROUGH", False),
    ],
)
def test_tls_mode(tls: dict[str, Any] | None, protocol: str, mode: str, terminates: bool) -> None:
    found = one(tls, protocol)
    assert (found.tls_mode, found.terminates_https) == (mode, terminates)


def test_hosts_belong_to_namespaces() -> None:
    assert one(None).hosts_for("ns1") == ["a.com", "b.com"]
    assert one(None).hosts_for("ns2") == ["b.com"]


def test_it_selects_by_labels() -> None:
    found = gateway({"metadata": {"name": "g"}, "spec": {"selector": {"istio": "x"}}})
    assert found.selects({"istio": "x", "app": "y"})
    assert not found.selects({"istio": "z"})
    assert found.key == "default/g"
