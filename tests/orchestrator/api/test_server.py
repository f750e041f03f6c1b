"""The server as a whole: quick to start, everything survives a restart, it ends its streams when it stops."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.informer import Informer
from mesh.kube.kinds import CONFIG_MAP
from mesh.kube.objects import Object
from orchestrator.api.options import ApiOptions
from orchestrator.api.server import ApiServer
from orchestrator.store.sqlite import SqliteStore
from tests.support.api_objects import config_map, until

START_MAX_S = 0.5


async def started(home: Path, port: int = 0) -> ApiServer:
    server = ApiServer(SqliteStore(home / "orchestrator" / "store.db"), ApiOptions(home=home, port=port))
    await server.start()
    return server


async def stopped(server: ApiServer) -> None:
    await server.stop()
    await server.store.close()


async def test_an_informer_lives_through_a_restart(tmp_path: Path) -> None:
    server = await started(tmp_path)
    port = server.port
    await server.local_client.create(CONFIG_MAP, config_map("kept"), "default")
    client = HttpClient.from_kubeconfig(tmp_path / "kubeconfig")
    informer = Informer(client, CONFIG_MAP, namespace="default")
    seen: list[Object | None] = []
    informer.add_handler(lambda old, new: seen.append(new))
    informer.start()
    await asyncio.wait_for(informer.synced(), 5)
    before = len(seen)
    await stopped(server)
    began = time.monotonic()
    server = await started(tmp_path, port)
    assert time.monotonic() - began < START_MAX_S
    await server.local_client.create(CONFIG_MAP, config_map("new"), "default")

    async def arrived() -> bool:
        return ("default", "new") in informer.store

    await until(arrived)
    assert len(seen) == before + 1, "what did not change is not told again"
    await informer.stop()
    await client.close()
    await stopped(server)


async def test_a_taken_port_is_an_error(tmp_path: Path) -> None:
    server = await started(tmp_path / "a")
    store = SqliteStore(tmp_path / "b" / "orchestrator" / "store.db")
    with pytest.raises(OSError):
        await ApiServer(store, ApiOptions(home=tmp_path / "b", port=server.port)).start()
    await store.close()
    await stopped(server)


async def test_stopping_ends_watches(tmp_path: Path) -> None:
    server = await started(tmp_path)
    client = HttpClient.from_kubeconfig(tmp_path / "kubeconfig")

    async def watch() -> None:
        async for _ in client.watch(CONFIG_MAP):
            pass

    watching = asyncio.ensure_future(watch())

    async def begun() -> bool:
        return bool(list(server.hub.watchers()))

    await until(begun)
    await asyncio.wait_for(stopped(server), 5)
    with pytest.raises((ApiError, OSError)):
        await asyncio.wait_for(watching, 5)
    await client.close()
