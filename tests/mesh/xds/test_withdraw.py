"""A pod leaves every proxy's endpoints before it stops."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mesh.kube.kinds import (
    ENDPOINT_SLICE,
    POD,
)
from mesh.xds.kinds import ENDPOINT

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


async def test_withdrawal_waits_for_every_proxys_acknowledgement(cluster: Cluster) -> None:
    await cluster.service("web")
    server = await cluster.pod("web-1", app="web")
    meta, address = server["metadata"], server["status"]["podIP"]
    reference = {"kind": "Pod", "name": meta["name"], "namespace": "default", "uid": meta["uid"]}
    endpoints = [{"addresses": [address], "conditions": {"ready": True}, "targetRef": reference}]
    slice_ = {
        "metadata": {"name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 9080, "protocol": "TCP"}],
    }
    await cluster.admin.create(ENDPOINT_SLICE, slice_, "default")
    caller = await cluster.proxy(await cluster.pod("caller"))
    leaving = await cluster.proxy(server)
    await caller.identify()
    await leaving.identify()
    name = "outbound|9080||web.default.svc.cluster.local"
    answers = await caller.connect()
    await caller.request(ENDPOINT, resource_names_subscribe=[name])
    held = await caller.take(answers, ENDPOINT)
    while address not in json.dumps(held):
        held = await caller.take(answers, ENDPOINT)
    await cluster.admin.delete(POD, "web-1", "default")
    asking = asyncio.ensure_future(leaving.post("/v3/withdraw", {"node": {"id": leaving.node_id}}))
    async with asyncio.timeout(10):
        pushed = await anext(answers)
    assert address not in json.dumps(pushed)
    await asyncio.wait([asking], timeout=0.2)
    assert not asking.done()
    await caller.acknowledge(pushed)
    reply = await asking
    assert (reply.status, json.loads(reply.body)) == (200, {"acknowledged": True})
