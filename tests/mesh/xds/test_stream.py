"""/v3/ads over real mTLS: a proxy from its first request to its status."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mesh.kube.kinds import (
    VIRTUAL_SERVICE,
)
from mesh.xds.kinds import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


def virtual_service(name: str, *routes: dict[str, Any]) -> dict[str, Any]:
    spec = {"hosts": ["web"], "http": [{"route": list(routes)}]}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name}, "spec": spec}


async def test_a_stream_from_first_push_to_status(cluster: Cluster) -> None:
    await cluster.service("web")
    proxy = await cluster.proxy(await cluster.pod("web-1", app="web"))
    await proxy.identify()
    answers = await proxy.connect()
    for type_url in (CLUSTER, LISTENER, NAME_TABLE):
        await proxy.request(type_url, resource_names_subscribe=["*"])
    clusters = await proxy.take(answers, CLUSTER)
    name = "outbound|9080||web.default.svc.cluster.local"
    assert name in [one["name"] for one in clusters["resources"]]
    eds = [one["name"] for one in clusters["resources"] if one["resource"].get("type") == "EDS"]
    await proxy.request(ENDPOINT, resource_names_subscribe=eds)
    listeners = await proxy.take(answers, LISTENER)
    assert "virtualInbound" in [one["name"] for one in listeners["resources"]]
    await proxy.request(ROUTE, resource_names_subscribe=["9080"])
    routes = await proxy.take(answers, ROUTE)
    assert [one["name"] for one in routes["resources"]] == ["9080"]
    status, found = await cluster.ask("syncz")
    assert status == 200
    (entry,) = found
    assert (entry["proxy"], entry["type"]) == ("web-1.default", "sidecar")
    async with asyncio.timeout(10):
        while {entry[kind]["status"] for kind in ("cds", "eds", "lds", "rds")} != {"SYNCED"}:
            ((entry,),) = ((await cluster.ask("syncz"))[1],)

    await cluster.admin.create(VIRTUAL_SERVICE, virtual_service("v", {"destination": {"host": "nope"}}), "default")
    changed = await proxy.take(answers, ROUTE)
    assert changed["resources"][0]["version"] != routes["resources"][0]["version"]
    dump = (await cluster.ask("config_dump?proxy=web-1.default"))[1]
    assert "9080" in [one["name"] for one in dump["routes"]]
    assert (await cluster.ask("config_dump?proxy=nobody.default"))[1] is None


async def test_a_nack_shows_with_path_and_reason(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    await proxy.identify()
    answers = await proxy.connect()
    await proxy.request(CLUSTER, resource_names_subscribe=["*"])
    async with asyncio.timeout(10):
        answer = await anext(answers)
    await proxy.acknowledge(answer, error_detail={"code": 3, "message": "clusters[0].lb_policy: not supported"})
    async with asyncio.timeout(10):
        while True:
            ((entry,),) = ((await cluster.ask("syncz"))[1],)
            if entry["cds"]["status"] == "ERROR":
                break
    assert entry["cds"]["error"] == {"path": "clusters[0].lb_policy", "message": "not supported"}


@pytest.mark.parametrize("change", ["other~", "pod", "ip", "none"])
async def test_a_stream_must_be_its_certificates(cluster: Cluster, change: str) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    await proxy.identify()
    nodes = {
        "other~": "sidecar~10.244.0.1~a.kube-system~kube-system.svc.cluster.local",
        "pod": "router~10.244.0.1~a.default~default.svc.cluster.local",
        "ip": "sidecar~10.244.9.9~a.default~default.svc.cluster.local",
        "none": "",
    }
    answers = await proxy.connect()
    await proxy.stream.send(json.dumps({"node": {"id": nodes[change]}, "type_url": CLUSTER}).encode())
    with pytest.raises(Exception, match="403"):
        async with asyncio.timeout(10):
            await anext(answers)
