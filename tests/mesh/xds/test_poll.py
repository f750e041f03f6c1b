"""State of the world for a real Envoy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mesh.xds.kinds import CLUSTER

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


async def test_polling_for_a_real_envoy(cluster: Cluster) -> None:
    await cluster.service("web")
    proxy = await cluster.proxy(await cluster.pod("web-1", app="web"))
    await proxy.identify()
    await cluster.eventually(lambda: cluster.plane.source.workloads().get(("default", "web-1")))
    body: dict[str, Any] = {"node": {"id": proxy.node_id}}
    reply = await proxy.post("/v3/discovery:clusters", body)
    found = json.loads(reply.body)
    assert {one["@type"] for one in found["resources"]} == {CLUSTER}
    assert (await proxy.post("/v3/discovery:clusters", {**body, "version_info": found["version_info"]})).status == 304
    routes = json.loads((await proxy.post("/v3/discovery:routes", {**body, "resource_names": ["9080"]})).body)
    assert [one["name"] for one in routes["resources"]] == ["9080"]
