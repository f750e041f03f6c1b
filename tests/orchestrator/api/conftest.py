"""A whole API server for each test, and clients of it: in process and over HTTPS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh.kube.client import Client
from mesh.kube.http import HttpClient
from orchestrator.api.local import LocalClient
from orchestrator.api.options import ApiOptions
from orchestrator.api.server import ApiServer
from orchestrator.store.sqlite import SqliteStore


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ApiServer]:
    store = SqliteStore(tmp_path / "orchestrator" / "store.db")
    made = ApiServer(store, ApiOptions(home=tmp_path))
    await made.start()
    yield made
    await made.stop()
    await store.close()


@pytest.fixture
def local(server: ApiServer) -> LocalClient:
    return server.local_client


@pytest.fixture
async def http(server: ApiServer, tmp_path: Path) -> AsyncIterator[HttpClient]:
    client = HttpClient.from_kubeconfig(tmp_path / "kubeconfig")
    yield client
    await client.close()


@pytest.fixture(params=["local", "http"])
def client(request: pytest.FixtureRequest, local: LocalClient, http: HttpClient) -> Client:
    """Both ways in: what holds for one has to hold for the other."""
    return local if request.param == "local" else http
