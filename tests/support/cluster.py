"""An API server of one's own for controllers: real store, real admission, no sockets but its port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import POD, Kind
from mesh.kube.objects import Object, name_of, namespace_of
from orchestrator.api.options import ApiOptions
from orchestrator.api.server import ApiServer
from orchestrator.controllers.controller import Controller, Informers
from orchestrator.store.sqlite import SqliteStore

DEADLINE_S = 10.0
POLL_S = 0.005


class Cluster:
    """The API, controllers on demand, and a hand that plays the kubelet."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.informers = Informers(client)
        self._controllers: list[Controller] = []

    async def run(self, *makers: Callable[[Informers], Controller]) -> None:
        self._controllers += [make(self.informers) for make in makers]
        self.informers.start()
        await self.informers.synced()
        for controller in self._controllers:
            controller.start()

    async def close(self) -> None:
        for controller in self._controllers:
            await controller.stop()
        await self.informers.stop()

    async def until(self, met: Callable[[], Awaitable[object]], what: str = "") -> object:
        """The first true answer of `met`, which reads the API; the deadline is the test's failure."""
        found: object = None
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not (found := await met()):
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise AssertionError(f"not within {DEADLINE_S} s: {what or met}; last answer {found!r}") from None
        return found

    async def get(self, kind: Kind, name: str, namespace: str = "default") -> Object | None:
        try:
            return await self.client.get(kind, name, namespace if kind.namespaced else "")
        except ApiError as failure:
            if failure.not_found:
                return None
            raise

    async def items(self, kind: Kind, namespace: str = "default") -> list[Object]:
        return (await self.client.list(kind, namespace)).items

    async def set_pod(self, pod: Object, *, ready: bool, phase: str = "Running", ip: str = "") -> None:
        """What a scheduler and a kubelet would do with a pod: without a node it would be deleted at once."""
        if not (pod.get("spec") or {}).get("nodeName"):
            target = {"target": {"kind": "Node", "name": "node"}}
            await self.client.create(POD, target, namespace_of(pod), name=name_of(pod), subresource="binding")
        conditions = [
            {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": "2024-01-01T00:00:00Z"}
        ]
        status = {"phase": phase, "conditions": conditions, **({"podIP": ip, "podIPs": [{"ip": ip}]} if ip else {})}
        await self.client.patch(POD, name_of(pod), {"status": status}, namespace_of(pod), subresource="status")

    async def finish(self, pod: Object) -> None:
        """The node confirms a deletion."""
        await self.client.delete(POD, name_of(pod), namespace_of(pod), grace_period_s=0)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    store = SqliteStore(tmp_path / "store.db")
    server = ApiServer(store, ApiOptions(home=tmp_path, write_kubeconfigs=False))
    await server.start()
    made = Cluster(server.local_client)
    yield made
    await made.close()
    await server.stop()
    await store.close()
