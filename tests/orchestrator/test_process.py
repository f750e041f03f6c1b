"""The orchestrator as a process: ready when it says so, gone when told to, and pods that do not notice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import DEPLOYMENT, NODE, POD
from mesh.kube.objects import Object, uid_of
from orchestrator.controllers.pods import condition, is_ready
from orchestrator.images import Image, Images
from orchestrator.layout import Layout
from orchestrator.supervisor_stop import stop_pods
from tests.support.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]


@asynccontextmanager
async def orchestrator(layout: Layout) -> AsyncIterator[tuple[subprocess.Popen[bytes], Cluster]]:
    path = layout.run / "orchestrator-notify.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(path))
        ready.settimeout(READY_TIMEOUT_S)
        command = [sys.executable, "-m", "orchestrator", "serve", "--home", str(layout.home), "--run", str(layout.run)]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "NOTIFY_SOCKET": str(path)})
        try:
            assert ready.recv(100) == b"READY=1"
            client = HttpClient.from_kubeconfig(layout.kubeconfig)
            try:
                yield process, Cluster(client)
            finally:
                await client.close()
        finally:
            process.kill()
            process.wait()


@pytest.fixture(autouse=True)
def no_pod_is_left(layout: Layout) -> Iterator[None]:
    yield
    stop_pods(layout.sandboxes)


def manifest(replicas: int) -> Object:
    container = {"name": "main", "image": "sleeper", "args": ["trap 'exit 0' TERM; while :; do sleep 0.1; done"]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


async def ready_pods(cluster: Cluster, count: int) -> list[Object]:
    async def enough() -> list[Object]:
        found = [pod for pod in await cluster.items(POD) if is_ready(pod)]
        return found if len(found) == count else []

    return await cluster.until(enough, f"{count} ready pods")  # type: ignore[return-value]


async def test_a_deployment_outlives_the_orchestrator(layout: Layout, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.mkdir()  # pytest's own directory is closed to the pod's users
    Images(layout.images).add("sleeper", Image(str(image), ("/bin/sh", "-c")))
    async with orchestrator(layout) as (process, cluster):
        node: Any = await cluster.get(NODE, "pocketmesh")
        assert condition(node, "Ready")["status"] == "True"
        begin = time.monotonic()
        await cluster.client.create(DEPLOYMENT, manifest(2), "default")
        before = await ready_pods(cluster, 2)
        assert time.monotonic() - begin < 5
        process.kill()
        process.wait()
    async with orchestrator(layout) as (process, cluster):
        after = await ready_pods(cluster, 2)
        assert {uid_of(pod) for pod in after} == {uid_of(pod) for pod in before}
        assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in after] == [0, 0]
        await cluster.client.delete(DEPLOYMENT, "web", "default")

        async def none() -> bool:
            return not await cluster.items(POD)

        await cluster.until(none, "its pods are gone with it")
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_TIMEOUT_S) == 0


async def test_pods_need_an_existing_namespace(layout: Layout) -> None:
    async with orchestrator(layout) as (_, cluster):
        with pytest.raises(ApiError, match="not found"):
            await cluster.client.create(DEPLOYMENT, manifest(1) | {"metadata": {"name": "web"}}, "nowhere")
