"""Retries through Envoy and through us: the same number of tries, the same answer, the same details in the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.engines import ROUTER, Echo, answer, backend, call, cluster, hcm, listener, read_request, route
from tests.sidecar.test_envoy_differential import ENVOY, comparable, free_port, started

pytestmark = [pytest.mark.integration, pytest.mark.skipif(ENVOY is None, reason="no envoy in PATH")]

CUT_S = 10.0
COMMANDS = {
    "envoy": [str(ENVOY), "--concurrency", "1", "--log-level", "off", "--base-id", str(os.getpid())],
    "ours": [sys.executable, "-m", "sidecar"],
}
EXPECTED = rb"x-envoy-expected-rq-timeout-ms: \d+\r\n"
"""Envoy says what is left for a later try; see docs/envoy-differences.md."""
AGAIN = answer(b"", b"200 OK", b"x-again: yes\r\n")
LIMITED = answer(b"", b"429 Too Many Requests", b"x-envoy-ratelimited: true\r\nx-reset: 1\r\n")
BUSY = answer(b"", b"503 Service Unavailable")
POST = {"name": ":method", "string_match": {"exact": "POST"}}
CASES: dict[str, tuple[dict[str, Any], bytes, dict[str, Any]]] = {
    "a header": ({"retry_on": "retriable-headers", "retriable_headers": [{"name": "x-again"}]}, AGAIN, {}),
    "its value": (
        {"retry_on": "retriable-headers", "retriable_headers": [{"name": "x-again", "exact_match": "no"}]},
        AGAIN,
        {},
    ),
    "without the word": ({"retry_on": "5xx", "retriable_headers": [{"name": "x-again"}]}, AGAIN, {}),
    "limited to": ({"retry_on": "5xx", "retriable_request_headers": [POST]}, BUSY, {"method": "POST", "body": b"x"}),
    "limited to others": ({"retry_on": "5xx", "retriable_request_headers": [POST]}, BUSY, {}),
    "reset header": (
        {"retry_on": "envoy-ratelimited", "rate_limited_retry_back_off": {"reset_headers": [{"name": "x-reset"}]}},
        LIMITED,
        {},
    ),
    "rate limited": ({"retry_on": "5xx,retriable-4xx"}, LIMITED, {}),
}


@asynccontextmanager
async def proxy(
    command: list[str], path: Path, routes: list[dict[str, Any]], ports: dict[str, int]
) -> AsyncIterator[int]:
    port = free_port()
    front = hcm(*routes)
    del front["typed_config"]["access_log"]
    front["typed_config"]["http_filters"] = [ROUTER]
    where = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    clusters = [cluster(name, one) for name, one in ports.items()]
    resources = {"listeners": [{**listener(front), "address": where}], "clusters": clusters}
    path.write_text(json.dumps({"static_resources": resources}))
    async with started([*command, "-c", str(path)], port):
        yield port


async def observe(command: list[str], path: Path) -> list[Any]:
    seen: list[Any] = []
    async with AsyncExitStack() as stack:
        echoes = [Echo(first, answer(b"fine")) for _, first, _ in CASES.values()]
        ports = {f"b{index}": await stack.enter_async_context(backend(echo)) for index, echo in enumerate(echoes)}
        routes = [
            route(f"/{index}", cluster=f"b{index}", **({"retry_policy": policy} if policy else {}))
            for index, (policy, _, _) in enumerate(CASES.values())
        ]
        port = await stack.enter_async_context(proxy(command, path, routes, ports))
        for index, (name, (_, _, fields)) in enumerate(CASES.items()):
            status, head, body = await call(port, f"/{index}", **fields)
            seen.append((name, status, comparable(head), body, len(echoes[index].heads)))
            seen.append([comparable(re.sub(EXPECTED, b"", one)) for one in echoes[index].heads])
    return seen


async def test_which_answers_are_tried_again(tmp_path: Path) -> None:
    theirs = await observe(COMMANDS["envoy"], tmp_path / "envoy.json")
    ours = await observe(COMMANDS["ours"], tmp_path / "ours.json")
    assert ours == theirs


async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """`/head` waits ahead of the head, anything else after the first half of the body."""
    head, _ = await read_request(reader)
    if b"/head" not in head.split(b"\r\n")[0]:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")
    await reader.read()


async def stalled(command: list[str], path: Path) -> list[Any]:
    seen: list[Any] = []
    policy = {"retry_on": "5xx", "num_retries": 1, "per_try_idle_timeout": "0.2s"}
    async with backend(stalls) as silent:
        routes = [route("/", cluster="silent", timeout="0s", retry_policy=policy)]
        async with proxy(command, path, routes, {"silent": silent}) as port:
            status, head, body = await call(port, "/head")
            seen.append((status, comparable(head), body))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /body HTTP/1.1\r\nhost: a.test\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), CUT_S)
            seen.append((comparable(head), await asyncio.wait_for(reader.readexactly(5), CUT_S)))
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), CUT_S) == b""
            writer.close()
    return seen


async def test_an_attempt_that_says_nothing(tmp_path: Path) -> None:
    theirs = await stalled(COMMANDS["envoy"], tmp_path / "envoy.json")
    ours = await stalled(COMMANDS["ours"], tmp_path / "ours.json")
    assert ours == theirs
