"""Old events go, new ones stay."""

from __future__ import annotations

import time

import pytest

from mesh.kube.kinds import EVENT
from mesh.kube.objects import name_of
from orchestrator.api import events
from orchestrator.api.server import ApiServer


async def test_sweep(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client = server.local_client
    for name, moment in (
        ("old", "2020-01-01T00:00:00Z"),
        ("new", "2099-01-01T00:00:00Z"),
        ("newer", "2099-01-02T00:00:00Z"),
    ):
        event = {"metadata": {"name": name}, "involvedObject": {"namespace": "default"}, "lastTimestamp": moment}
        await client.create(EVENT, event, "default")
    assert await events.sweep(server.store, server.deletion, ttl_s=3600, now=time.time()) == 1
    assert [name_of(o) for o in (await client.list(EVENT)).items] == ["new", "newer"]
    monkeypatch.setattr(events, "EVENTS_MAX", 1)
    assert await events.sweep(server.store, server.deletion, ttl_s=3600, now=time.time()) == 1
    assert [name_of(o) for o in (await client.list(EVENT)).items] == ["newer"]
