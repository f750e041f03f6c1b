"""The client in the server's process: copies, identities, bookmarks."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import CONFIG_MAP, SELF_SUBJECT_REVIEW
from orchestrator.api import local as module
from orchestrator.api.call import User
from orchestrator.api.local import LocalClient
from orchestrator.api.server import ApiServer
from tests.support.api_objects import config_map


async def test_objects_are_copies(local: LocalClient) -> None:
    mine = config_map("c", a="1")
    made = await local.create(CONFIG_MAP, mine, "default")
    assert "uid" not in mine["metadata"]
    made["data"]["a"] = "changed"
    assert (await local.get(CONFIG_MAP, "c", "default"))["data"] == {"a": "1"}


async def test_acts_as_its_user(server: ApiServer) -> None:
    client = server.client_of(User("robot"))
    answer = await client.create(SELF_SUBJECT_REVIEW, {})
    assert answer["status"]["userInfo"]["username"] == "robot"


async def test_bookmarks_when_nothing_happens(
    local: LocalClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BOOKMARK_INTERVAL_S", 0.01)
    version = str(server.store.revision)
    async with aclosing(local.watch(CONFIG_MAP, resource_version=version)) as events:  # type: ignore[type-var]
        event = await anext(events)
    assert event.type == "BOOKMARK"
    assert event.object["metadata"]["resourceVersion"] == version
    assert not list(server.hub.watchers())


async def test_streams_are_for_http(local: LocalClient) -> None:
    with pytest.raises(ApiError) as failure:
        async for _ in local.stream("/logs"):
            pass
    assert failure.value.code == 501
    await local.close()
