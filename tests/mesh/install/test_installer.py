"""What is in the cluster after a start."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from mesh.inject.template import ProxySettings
from mesh.install.installer import InstallSettings, _contains, ensure, free_port, install_gateway, repair
from mesh.kube.http import HttpClient
from mesh.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    MUTATING_WEBHOOK,
    SERVICE,
)

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


async def test_everything_is_installed(cluster: Cluster) -> None:
    admin = cluster.admin
    assert "trustDomain" in (await admin.get(CONFIG_MAP, "istio", "istio-system"))["data"]["mesh"]
    service = await admin.get(SERVICE, "istio-ingressgateway", "istio-system")
    assert service["status"]["loadBalancer"]["ingress"] == [{"ip": "127.0.0.1"}]
    assert {port["targetPort"] for port in service["spec"]["ports"]} == {18080, 18443}
    await admin.get(DEPLOYMENT, "istio-ingressgateway", "istio-system")
    webhooks = (await admin.get(MUTATING_WEBHOOK, "istio-sidecar-injector"))["webhooks"]
    assert webhooks[0]["clientConfig"]["url"] == f"https://127.0.0.1:{cluster.plane.port}/inject"


async def test_ensure_leaves_what_is_there(client: HttpClient) -> None:
    mine = {"metadata": {"name": "x", "namespace": "default"}, "data": {"a": "mine"}}
    await client.create(CONFIG_MAP, mine)
    found = await ensure(client, CONFIG_MAP, {"metadata": mine["metadata"], "data": {"a": "installer's"}})
    assert found["data"] == {"a": "mine"}


async def test_repair_patches_only_what_differs(client: HttpClient) -> None:
    wanted = {"metadata": {"name": "x", "namespace": "default"}, "data": {"a": "1"}}
    first = await repair(client, CONFIG_MAP, wanted, "data", {"a": "1"})
    again = await repair(client, CONFIG_MAP, wanted, "data", {"a": "1"})
    assert first["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]
    changed = await repair(client, CONFIG_MAP, wanted, "data", {"a": "2"})
    assert changed["data"] == {"a": "2"}


async def test_the_gateways_service_follows_the_host_ports(cluster: Cluster) -> None:
    settings = InstallSettings("https://127.0.0.1:1", ingress_http_port=28080, ingress_https_port=28443)
    await install_gateway(cluster.admin, settings, ProxySettings("1", "127.0.0.1:1"))
    service = await cluster.admin.get(SERVICE, "istio-ingressgateway", "istio-system")
    assert {port["targetPort"] for port in service["spec"]["ports"]} == {28080, 28443}


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([{"a": 1, "x": 0}], [{"a": 1}], True),
        ([{"a": 1}, {"a": 2}], [{"a": 1}], False),
        (None, {}, False),
    ],
)
def test_contains(current: object, wanted: object, expected: bool) -> None:
    assert _contains(current, wanted) is expected


def test_a_taken_port_is_not_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port
