"""Lifecycle hooks: what succeeds, what fails with which words, and that none outlasts its time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from orchestrator.kubelet.hooks import run
from orchestrator.runtimes.base import ExecResult, RuntimeFailure


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def execute(argv: list[str], timeout_s: float) -> ExecResult:
    if argv == ["gone"]:
        raise RuntimeFailure("NotRunning", "container is not running")
    return ExecResult(int(argv[0]), b"words\n")


@pytest.mark.parametrize(
    ("hook", "failure"),
    [
        ({"exec": {"command": ["0"]}}, ""),
        ({"exec": {"command": ["2"]}}, "command exited with 2: words"),
        ({"exec": {"command": ["gone"]}}, "container is not running"),
        ({"sleep": {"seconds": 0}}, ""),
        ({"sleep": {"seconds": 60}}, "did not finish in 0.05 s"),
        ({"tcpSocket": {"port": 1}}, "not supported"),
    ],
)
async def test_hooks(hook: dict[str, Any], failure: str) -> None:
    begin = time.monotonic()
    found = await run(hook, {}, connect, execute, "10.244.0.2", timeout_s=0.05)
    assert failure in found
    assert bool(found) == bool(failure)
    assert time.monotonic() - begin < 1


async def test_http() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" if head.startswith(b"GET /drain ") else b"HTTP/1.1 500 No\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    container = {"ports": [{"name": "admin", "containerPort": port}]}
    async with listening:
        good = {"httpGet": {"port": "admin", "path": "drain"}}
        assert await run(good, container, connect, execute, "x", timeout_s=5) == ""
        bad = {"httpGet": {"port": port, "path": "/other"}}
        assert "500" in await run(bad, container, connect, execute, "x", timeout_s=5)
