"""Watches and logs over HTTP: initial events, tables, bookmarks, time limits, logs and their refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import CONFIG_MAP, POD
from orchestrator.api import streams
from orchestrator.api.server import ApiServer
from tests.support.api_objects import config_map, pod


async def lines(
    http: HttpClient, path: str, query: dict[str, str], accept: str = "application/json"
) -> list[dict[str, Any]]:
    """All events of a watch that the server ends."""
    url = http._url(path, {"watch": "true", **query})
    async with asyncio.timeout(10), http._open().get(url, headers={"Accept": accept}) as response:
        body = await response.read()
        assert response.status == 200, body
        return [msgspec.json.decode(line) for line in body.splitlines()]


async def test_initial_events_end_with_a_bookmark(http: HttpClient) -> None:
    await http.create(POD, pod("p"), "default")
    query = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan"}
    events = await lines(http, POD.path("default"), {**query, "timeoutSeconds": "1"})
    assert [event["type"] for event in events[:2]] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    for missing in ("allowWatchBookmarks", "resourceVersionMatch"):
        left = {key: value for key, value in query.items() if key != missing}
        with pytest.raises(ApiError) as failure:
            await http.request("GET", POD.path("default"), {"watch": "true", **left})
        assert failure.value.code == 422


async def test_tables_and_metadata(http: HttpClient) -> None:
    await http.create(POD, pod("p"), "default")
    table = await lines(
        http, POD.path("default"), {"timeoutSeconds": "1"}, "application/json;as=Table;v=v1;g=meta.k8s.io"
    )
    assert table[0]["object"]["rows"][0]["cells"][0] == "p"
    accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    partial = await lines(http, POD.path("default"), {"timeoutSeconds": "1"}, accept)
    assert set(partial[0]["object"]) == {"kind", "apiVersion", "metadata"}


async def test_bookmarks_follow_other_resources(
    http: HttpClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BOOKMARK_INTERVAL_S", 0.05)
    version = str(server.store.revision)
    await http.create(CONFIG_MAP, config_map("c"), "default")
    query = {"resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "1"}
    events = await lines(http, POD.path("default"), query)
    assert {event["type"] for event in events} == {"BOOKMARK"}
    assert events[-1]["object"]["metadata"]["resourceVersion"] == str(server.store.revision)


async def test_too_old_is_an_error(http: HttpClient, server: ApiServer) -> None:
    server.store._memory.compacted = 5  # type: ignore[attr-defined]
    with pytest.raises(ApiError) as failure:
        await http.request("GET", POD.path("default"), {"watch": "true", "resourceVersion": "1"})
    assert failure.value.gone


async def test_a_client_that_reads_nothing_holds_nobody(
    http: HttpClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "WRITE_STALL_MAX_S", 0.2)
    url = http._url(CONFIG_MAP.path("default"), {"watch": "true"})
    async with http._open().get(url) as response:
        assert response.status == 200
        big = config_map("big", filler="x" * 900_000)
        for number in range(30):
            big["metadata"]["name"] = f"big{number}"
            await server.local_client.create(CONFIG_MAP, big, "default")
        async with asyncio.timeout(10):
            while list(server.hub.watchers()):
                await asyncio.sleep(0.01)


class Node:
    def __init__(self, *chunks: bytes | ApiError) -> None:
        self.chunks = chunks
        self.asked: dict[str, Any] = {}

    async def logs(self, pod: object, container: str, **options: Any) -> AsyncIterator[bytes]:
        self.asked = {"container": container, **options}
        for chunk in self.chunks:
            if isinstance(chunk, ApiError):
                raise chunk
            yield chunk


async def test_logs(http: HttpClient, server: ApiServer) -> None:
    await http.create(POD, pod("p"), "default")
    path = POD.path("default", "p", "log")
    with pytest.raises(ApiError) as failure:
        await http.request("GET", path)
    assert failure.value.code == 501
    node = Node(b"one\n", b"", b"two\n")
    server.set_node_backend(node)
    query = {"tailLines": "5", "sinceSeconds": "7", "timestamps": "true", "limitBytes": "9", "previous": "true"}
    assert b"".join([chunk async for chunk in http.stream(path, query)]) == b"one\ntwo\n"
    assert node.asked == {
        "container": "main",
        "follow": False,
        "previous": True,
        "tail_lines": 5,
        "since_seconds": 7.0,
        "timestamps": True,
        "limit_bytes": 9,
    }
    server.set_node_backend(Node())
    assert [chunk async for chunk in http.stream(path)] == []
    waiting = ApiError(400, "BadRequest", "waiting to start", {"kind": "Status", "message": "waiting to start"})
    server.set_node_backend(Node(waiting))
    for bad, words in (({}, "waiting to start"), ({"container": "x"}, "not valid"), ({"tailLines": "-1"}, "tailLines")):
        with pytest.raises(ApiError, match=words) as failure:
            await http.request("GET", path, bad)
        assert failure.value.code == 400
