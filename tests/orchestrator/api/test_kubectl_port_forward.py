"""kubectl port-forward into a real container: megabytes both ways, several at once, and a port where nobody listens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from pathlib import Path

import pytest

from mesh.kube.kinds import POD
from orchestrator.api.server import ApiServer
from tests.orchestrator.conftest import MakePod
from tests.support.api_objects import pod
from tests.support.kubectl import TIMEOUT_S, require
from tests.support.pod_node import PodNode

pytestmark = pytest.mark.integration

ECHO = """
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("0.0.0.0", 8080), Echo).serve_forever()
"""


async def echoed(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def write() -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    _, received = await asyncio.gather(write(), reader.read())
    writer.close()
    return received


@pytest.mark.parametrize("version", ["1.31", "1.32", "1.33"])
async def test_port_forward(server: ApiServer, make_pod: MakePod, tmp_path: Path, version: str) -> None:
    program = require(version)
    node = PodNode(await make_pod("10.244.0.43"))
    await node.run("main", sys.executable, "-c", ECHO)
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            try:
                (await node.connect({}, 8080)).close()
                break
            except OSError:
                await asyncio.sleep(0.02)
    server.set_node_backend(node)
    await server.local_client.create(POD, pod("p"), "default")
    await server.local_client.patch(POD, "p", {"status": {"phase": "Running"}}, "default", subresource="status")
    process = await asyncio.create_subprocess_exec(
        program, "port-forward", "pod/p", ":8080", ":81",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "KUBECONFIG": str(tmp_path / "kubeconfig"), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    try:
        ports: dict[str, int] = {}
        while len(ports) < 2:
            line = (await asyncio.wait_for(process.stdout.readline(), TIMEOUT_S)).decode()
            assert line, (await process.stderr.read()).decode()
            if found := re.match(r"Forwarding from 127.0.0.1:(\d+) -> (\d+)", line):
                ports[found[2]] = int(found[1])
        parts = [os.urandom(1_000_000) for _ in range(3)]
        answers = await asyncio.wait_for(asyncio.gather(*(echoed(ports["8080"], part) for part in parts)), TIMEOUT_S)
        assert answers == parts
        assert await asyncio.wait_for(echoed(ports["81"], b"x"), TIMEOUT_S) == b""
        said = (await asyncio.wait_for(process.stderr.readline(), TIMEOUT_S)).decode()
        assert "error forwarding port 81 to pod" in said
    finally:
        with contextlib.suppress(ProcessLookupError):  # kubectl itself ends when a port cannot be reached
            process.kill()
        await process.wait()
