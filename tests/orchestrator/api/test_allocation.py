"""Cluster addresses and node ports."""

from __future__ import annotations

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import SERVICE
from mesh.kube.objects import Object
from orchestrator.api.local import LocalClient
from orchestrator.api.server import ApiServer


def service(name: str, **spec: object) -> Object:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


async def test_addresses_are_given_once_and_given_back(local: LocalClient, server: ApiServer) -> None:
    made = [await local.create(SERVICE, service(f"s{n}"), "default") for n in range(50)]
    addresses = {obj["spec"]["clusterIP"] for obj in made}
    assert len(addresses) == 50
    assert all(address.startswith("10.96.") for address in addresses)
    asked = await local.create(SERVICE, service("dns", clusterIP="10.96.0.10"), "default")
    assert asked["spec"]["clusterIPs"] == ["10.96.0.10"]
    with pytest.raises(ApiError, match="already allocated"):
        await local.create(SERVICE, service("dns2", clusterIP="10.96.0.10"), "default")
    await local.delete(SERVICE, "dns", "default")
    assert await local.create(SERVICE, service("dns2", clusterIP="10.96.0.10"), "default")


async def test_a_dry_run_keeps_nothing(local: LocalClient) -> None:
    await local.create(SERVICE, service("a", clusterIP="10.96.0.50"), "default", dry_run=True)
    assert await local.create(SERVICE, service("b", clusterIP="10.96.0.50"), "default")


@pytest.mark.parametrize("address", ["192.168.0.1", "nonsense"])
async def test_addresses_out_of_range(local: LocalClient, address: str) -> None:
    with pytest.raises(ApiError) as failure:
        await local.create(SERVICE, service("a", clusterIP=address), "default")
    assert failure.value.code == 422


async def test_kinds_of_service(local: LocalClient) -> None:
    headless = await local.create(SERVICE, service("h", clusterIP="None"), "default")
    assert headless["spec"]["clusterIPs"] == ["None"]
    named = await local.create(SERVICE, service("e", type="ExternalName", externalName="example.com"), "default")
    assert "clusterIP" not in named["spec"]
    node = await local.create(SERVICE, service("n", type="NodePort"), "default")
    port = node["spec"]["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    with pytest.raises(ApiError, match="already allocated"):
        await local.create(SERVICE, service("m", type="NodePort", ports=[{"port": 1, "nodePort": port}]), "default")
    back = await local.patch(SERVICE, "n", {"spec": {"type": "ClusterIP"}}, "default")
    assert "nodePort" not in back["spec"]["ports"][0]
    assert back["spec"]["clusterIP"] == node["spec"]["clusterIP"]
