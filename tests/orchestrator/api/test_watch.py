"""Watches: order, resumption, selectors that objects enter and leave, readers that stop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import CONFIG_MAP, POD
from mesh.kube.objects import name_of
from orchestrator.api import watch
from orchestrator.api.call import INTERNAL, Call
from orchestrator.api.reads import ListOptions
from orchestrator.api.server import ApiServer
from orchestrator.api.watch import JsonForm, ObjectForm, bookmark
from tests.support.api_objects import config_map, pod


async def collect(client: Client, count: int, **options: str) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(10), aclosing(client.watch(POD, "default", **options)) as events:  # type: ignore[arg-type]
        async for event in events:
            found.append(f"{event.type} {name_of(event.object)}")
            if len(found) == count:
                break
    return found


async def test_state_first_then_changes(client: Client) -> None:
    await client.create(POD, pod("a"), "default")
    watching = asyncio.ensure_future(collect(client, 4))
    await asyncio.sleep(0.05)
    await client.create(POD, pod("b"), "default")
    await client.patch(POD, "a", {"metadata": {"labels": {"x": "y"}}}, "default")
    await client.delete(POD, "b", "default")
    assert await watching == ["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"]


async def test_resuming_misses_and_repeats_nothing(client: Client) -> None:
    created = await client.create(POD, pod("a"), "default")
    await client.create(POD, pod("b"), "default")
    await client.delete(POD, "a", "default")
    version = created["metadata"]["resourceVersion"]
    assert await collect(client, 2, resource_version=version) == ["ADDED b", "DELETED a"]


async def test_entering_and_leaving_a_selector(client: Client) -> None:
    created = await client.create(POD, pod("a"), "default")
    for value in ("yes", "yes-still", None):
        label = {"in": "1" if value else None, "value": value}
        await client.patch(POD, "a", {"metadata": {"labels": label}}, "default")
    version = created["metadata"]["resourceVersion"]
    seen = await collect(client, 3, resource_version=version, label_selector="in=1")
    assert seen == ["ADDED a", "MODIFIED a", "DELETED a"]


async def test_one_name(client: Client) -> None:
    created = await client.create(POD, pod("a"), "default")
    await client.create(POD, pod("b"), "default")
    await client.delete(POD, "a", "default")
    version = created["metadata"]["resourceVersion"]
    assert await collect(client, 1, resource_version=version, field_selector="metadata.name=b") == ["ADDED b"]


async def test_a_revision_out_of_the_window_is_gone(server: ApiServer, client: Client) -> None:
    server.store._memory.compacted = server.store.revision + 5  # type: ignore[attr-defined]
    for number in range(8):
        await client.create(CONFIG_MAP, config_map(f"c{number}"), "default")
    with pytest.raises(ApiError) as failure:
        await collect(client, 1, resource_version="1")
    assert failure.value.gone


async def test_who_does_not_read_is_cut_off_alone(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "QUEUE_EVENTS_MAX", 5)
    call = Call(INTERNAL, CONFIG_MAP, "default")
    slow, _ = await server.reads.watch(call, ListOptions(resource_version="1"), ObjectForm())
    good, _ = await server.reads.watch(call, ListOptions(resource_version="1"), JsonForm("v1", None))
    await good.get_batch()
    for number in range(10):
        await server.local_client.create(CONFIG_MAP, config_map(f"c{number}"), "default")
        assert len(await good.get_batch()) == 1
    with pytest.raises(ApiError) as failure:
        await slow.get_batch()
    assert failure.value.gone


async def test_watchers_are_bounded(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WATCHERS_MAX", 1)
    call = Call(INTERNAL, CONFIG_MAP, "default")
    first, _ = await server.reads.watch(call, ListOptions(), ObjectForm())
    with pytest.raises(ApiError) as failure:
        await server.reads.watch(call, ListOptions(), ObjectForm())
    assert failure.value.code == 429
    server.hub.remove(first)
    server.hub.remove(first)
    await server.reads.watch(call, ListOptions(), ObjectForm())


async def test_an_event_is_encoded_once_for_all(server: ApiServer) -> None:
    call = Call(INTERNAL, CONFIG_MAP, "default")
    options = ListOptions(resource_version=str(server.store.revision))
    watchers = [(await server.reads.watch(call, options, JsonForm("v1", None)))[0] for _ in range(3)]
    await server.local_client.create(CONFIG_MAP, config_map("c"), "default")
    batches = [await watcher.get_batch() for watcher in watchers]
    assert batches[0][0] is batches[1][0] is batches[2][0]


def test_bookmarks() -> None:
    assert b'"k8s.io/initial-events-end":"true"' in bookmark("v1", "Pod", 5, initial_end=True)
    assert bookmark("v1", "Pod", 5).endswith(b"\n")
