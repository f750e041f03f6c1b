"""Goal: the process follows an API server through its kubeconfig, serves hooks, and goes on when the server is away.

Method: a small HTTP server plays the API server for three lists and watches; pods are real.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from dnslib import DNSRecord

from orchestrator.layout import Layout
from orchestrator.runtimes.base import ContainerSpec

ROOT = Path(__file__).resolve().parents[3]
IP = "10.244.9.2"


@pytest.fixture
async def objects(layout: Layout) -> dict[str, list[dict[str, Any]]]:
    annotations = {"pocketmesh.io/sandbox": str(layout.sandbox(IP))}
    pod = {
        "metadata": {
            "name": "p",
            "namespace": "default",
            "uid": "u",
            "annotations": annotations,
            "resourceVersion": "1",
        },
        "spec": {"containers": [{"name": "main", "image": "app"}]},
        "status": {"phase": "Running", "podIP": IP},
    }
    service = {
        "metadata": {"name": "web", "namespace": "default", "resourceVersion": "1"},
        "spec": {"clusterIP": "10.96.7.7", "ports": [{"port": 80}]},
    }
    return {"pods": [pod], "services": [service], "endpointslices": []}


@pytest.fixture
async def kubeconfig(objects: dict[str, Any], tmp_path: Path) -> AsyncIterator[tuple[Path, web.AppRunner]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            stream = web.StreamResponse()
            await stream.prepare(request)
            await asyncio.sleep(3600)
            return stream
        items = objects[request.match_info["plural"]]
        return web.json_response({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items})

    app = web.Application()
    app.router.add_get("/api/v1/{plural}", answer)
    app.router.add_get("/apis/{group}/v1/{plural}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    path = tmp_path / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    yield path, runner
    await runner.cleanup()


async def test_names_are_answered_even_when_the_server_is_gone(make_pod, kubeconfig, tmp_path: Path) -> None:
    pod = await make_pod(IP)
    await pod.start_container(ContainerSpec("main", ("sleep", "600"), "main/0.log"))
    path, server = kubeconfig
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(tmp_path / "n"))
        ready.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "orchestrator", "node-proxy", "--kubeconfig", str(path), "--run", "/x", cwd=ROOT,
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "n")},
        )  # fmt: skip
        try:
            loop = asyncio.get_running_loop()
            assert await asyncio.wait_for(loop.sock_recv(ready, 100), 20) == b"READY=1"
            await server.cleanup()
            code = "import socket; print(socket.gethostbyname('web'))"
            found = await pod.execute("main", ["python", "-c", code], timeout_s=10)
            assert found.output == b"10.96.7.7\n"
        finally:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0
    assert DNSRecord.question("web").pack()
