"""A node of one's own: the real API server, the real sandboxes, a kubelet that can be taken away and put back."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import EVENT, POD
from mesh.kube.objects import Object
from orchestrator.api.options import ApiOptions
from orchestrator.api.server import ApiServer
from orchestrator.controllers.controller import Informers
from orchestrator.controllers.node import NodeRegistration
from orchestrator.images import Image, Images
from orchestrator.kubelet.kubelet import Kubelet
from orchestrator.layout import Layout
from orchestrator.runtimes.sandbox import SandboxRuntime
from orchestrator.scheduler.scheduler import Scheduler
from orchestrator.store.sqlite import SqliteStore
from tests.support.cluster import Cluster

NODE = "node"


class KubeletCluster(Cluster):
    """`start_kubelet` and `stop_kubelet` any number of times, over the same API and the same pods."""

    def __init__(self, server: ApiServer, layout: Layout) -> None:
        super().__init__(server.local_client)
        self.layout = layout
        self.kubelet: Kubelet | None = None

    async def start_kubelet(self) -> Kubelet:
        informers = Informers(self.client)
        kubelet = Kubelet(informers, self.layout, SandboxRuntime(self.layout), NODE)
        informers.start()
        await informers.synced()
        await kubelet.start()
        self.kubelet, self._shared = kubelet, informers
        return kubelet

    async def stop_kubelet(self) -> None:
        if self.kubelet is not None:
            await self.kubelet.stop()
            await self._shared.stop()
            self.kubelet = None

    async def pod(self, name: str) -> Object:
        found = await self.get(POD, name)
        return found or {"status": {}}

    async def create(self, manifest: Object) -> Object:
        made: Object = await self.client.create(POD, manifest, "default")
        return made

    async def phase(self, name: str, phase: str) -> Object:
        async def reached() -> Object | None:
            found = await self.pod(name)
            return found if found["status"].get("phase") == phase else None

        return await self.until(reached, f"{name} is {phase}")  # type: ignore[return-value]

    async def gone(self, name: str) -> None:
        async def missing() -> bool:
            return await self.get(POD, name) is None

        await self.until(missing, f"{name} is gone")

    async def logs(self, name: str, container: str = "main", **options: Any) -> str:
        assert self.kubelet is not None
        pieces = [piece async for piece in self.kubelet.logs(await self.pod(name), container, **options)]
        return b"".join(pieces).decode()

    async def said(self, reason: str, text: str = "") -> str:
        """The message of the event with this reason, when it comes."""

        async def found() -> str:
            for event in await self.items(EVENT):
                if event["reason"] == reason and text in event["message"]:
                    return str(event["message"])
            return ""

        return str(await self.until(found, f"event {reason}"))


@pytest.fixture
async def node(layout: Layout, tmp_path: Path) -> AsyncIterator[KubeletCluster]:
    shutil.rmtree(layout.home / "orchestrator", ignore_errors=True)
    store = SqliteStore(tmp_path / "store.db")
    server = ApiServer(store, ApiOptions(home=layout.home, write_kubeconfigs=False))
    await server.start()
    made = KubeletCluster(server, layout)
    image = tmp_path / "image"
    image.mkdir()
    Images(layout.images).add("shell", Image(str(image), ("/bin/sh", "-c")))
    await NodeRegistration(made.client, NODE, "10.244.0.0/16").register()
    await made.run(lambda informers: Scheduler(informers, NODE))
    await made.start_kubelet()
    yield made
    for pod in await made.items(POD):
        try:
            await made.client.delete(POD, pod["metadata"]["name"], "default", grace_period_s=1)
        except ApiError as failure:
            assert failure.not_found
    for pod in await made.items(POD):
        await made.gone(pod["metadata"]["name"])
    await made.stop_kubelet()
    for sandbox in await SandboxRuntime(layout).sandboxes():
        await sandbox.stop()
    await made.close()
    await server.stop()
    await store.close()


@pytest.fixture
def shell() -> Callable[..., Object]:
    """`shell("name", "script", **spec)`: a pod with one container `main` that runs a script."""

    def make(name: str, script: str, *, main: dict[str, Any] | None = None, **spec: Any) -> Object:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": {
                "terminationGracePeriodSeconds": 5,
                "containers": [{"name": "main", "image": "shell", "args": [script], **(main or {})}],
                **spec,
            },
        }

    return make
