"""Probes over real sockets, thresholds as a table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from orchestrator.kubelet.probes import Answer, Verdict, ask, port_number
from orchestrator.runtimes.base import ExecResult, RuntimeFailure


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def execute(argv: list[str], timeout_s: float) -> ExecResult:
    """What the sandbox would answer for these commands."""
    if argv == ["gone"]:
        raise RuntimeFailure("NotRunning", "container is not running")
    return ExecResult(int(argv[1]), argv[0].encode(), timed_out=argv[0] == "slow")


@asynccontextmanager
async def server(reply: bytes, *, seen: list[bytes] | None = None) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head)
        writer.write(reply)
        await writer.drain()
        if reply:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


async def http(reply: bytes, **action: Any) -> Answer:
    async with server(reply) as port:
        probe = {"httpGet": {"port": port, **action}, "timeoutSeconds": 0.5}
        return await ask(probe, {}, connect, execute, "10.244.0.2")


@pytest.mark.parametrize(
    ("reply", "ok", "message"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True, ""),
        (b"HTTP/1.1 399 Odd\r\n\r\n", True, ""),
        (b"HTTP/1.1 400 Bad\r\n\r\n", False, "HTTP probe failed with statuscode: 400"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", False, "HTTP probe failed with statuscode: 503"),
        (b"SSH-2.0-x\r\n", False, "not HTTP"),
        (b"", False, "timed out after 0.5 s"),
    ],
)
async def test_http(reply: bytes, ok: bool, message: str) -> None:
    answer = await http(reply)
    assert answer.ok == ok
    assert answer.message.startswith(message)


async def test_the_request() -> None:
    seen: list[bytes] = []
    async with server(b"HTTP/1.1 204 No Content\r\n\r\n", seen=seen) as port:
        headers = [{"name": "X-Probe", "value": "yes"}]
        probe = {"httpGet": {"port": "web", "path": "/healthz?a=b", "httpHeaders": headers}}
        container = {"ports": [{"name": "web", "containerPort": port}]}
        assert await ask(probe, container, connect, execute, "10.244.0.2") == Answer(True)
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "GET /healthz?a=b HTTP/1.1"
    assert f"Host: 10.244.0.2:{port}" in lines
    assert "X-Probe: yes" in lines


async def test_tcp_and_what_is_not_supported() -> None:
    async with server(b"x") as port:
        assert (await ask({"tcpSocket": {"port": port}}, {}, connect, execute, "")).ok
    refused = await ask({"tcpSocket": {"port": port}}, {}, connect, execute, "")
    assert not refused.ok
    assert refused.message
    grpc = await ask({"grpc": {"port": 1}}, {}, connect, execute, "")
    assert "not supported" in grpc.message


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (["fine", "0"], Answer(True)),
        (["broken", "3"], Answer(False, "command exited with 3: broken")),
        (["gone"], Answer(False, "container is not running")),
    ],
)
async def test_exec(command: list[str], answer: Answer) -> None:
    assert await ask({"exec": {"command": command}}, {}, connect, execute, "") == answer


@pytest.mark.parametrize(
    ("probe", "initially", "answers", "states"),
    [
        ({}, True, "nnn", "yyn"),
        ({}, True, "nnynn", "yyyyy"),
        ({}, False, "y", "y"),
        ({"successThreshold": 2}, False, "ynyy", "nnny"),
        ({"failureThreshold": 1}, True, "ny", "ny"),
    ],
)
def test_thresholds(probe: dict[str, Any], initially: bool, answers: str, states: str) -> None:
    verdict = Verdict(probe, initially=initially)
    seen = ""
    for answer in answers:
        verdict.observe(answer == "y")
        seen += "y" if verdict.state else "n"
    assert seen == states


def test_ports() -> None:
    container = {"ports": [{"name": "web", "containerPort": 8080}]}
    assert [port_number(port, container) for port in (80, "web", "81", "none")] == [80, 8080, 81, 0]
