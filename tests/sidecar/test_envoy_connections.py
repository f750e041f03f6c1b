"""Slow clients, old connections and their end through Envoy and through us: the same answers, flags and details."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.engines import ROUTER, WAIT_S, Echo, answer, backend, cluster, hcm, listener, route
from tests.sidecar.test_envoy_differential import CHANGING, ENVOY, free_port, started

pytestmark = [pytest.mark.integration, pytest.mark.skipif(ENVOY is None, reason="no envoy in PATH")]

GET = b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 5\r\n\r\nab"
COMMON = "common_http_protocol_options"
SCENARIOS: dict[str, tuple[dict[str, Any], tuple[bytes, ...]]] = {
    "slow head, headers timeout": ({"request_headers_timeout": "0.1s"}, (b"GET / HT",)),
    "slow head, request timeout": ({"request_timeout": "0.1s"}, (b"GET / HT",)),
    "slow head, stream idle": ({"stream_idle_timeout": "0.1s"}, (b"GET / HT",)),
    "slow body, request timeout": ({"request_timeout": "0.1s"}, (POST,)),
    "slow body, stream idle": ({"stream_idle_timeout": "0.1s"}, (POST,)),
    "slow body, max duration": ({COMMON: {"max_stream_duration": "0.1s"}}, (POST,)),
    "whole request, request timeout": ({"request_timeout": "0.1s"}, (POST + b"cde", GET, b"")),
    "requests of a connection": ({COMMON: {"max_requests_per_connection": 2}}, (GET, GET)),
    "old connection": ({COMMON: {"max_connection_duration": "0.2s"}, "drain_timeout": "0.1s"}, (GET,)),
    "idle connection": ({COMMON: {"idle_timeout": "0.1s"}}, (GET,)),
    "escaped slash": (
        {"normalize_path": True, "path_with_escaped_slashes_action": "REJECT_REQUEST"},
        (b"GET /%2F HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",),
    ),
    "two framings": (
        {},
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",),
    ),
    "underscore": (
        {COMMON: {"headers_with_underscores_action": "REJECT_REQUEST"}},
        (b"GET / HTTP/1.1\r\nhost: a\r\nx_y: 1\r\n\r\n",),
    ),
    "bad length": ({}, (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",)),
    "bad chunk": ({}, (b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",)),
    "upgrade": ({}, (b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n\r\n",)),
    "large head": ({}, (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 65000 + b"\r\n\r\n",)),
    "many fields": ({}, (b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 101 + b"\r\n",)),
    "no delayed close": ({"delayed_close_timeout": "0s"}, (b"GET / HTTP/1.1\r\n\r\n",)),
}  # fmt: skip
FORMAT = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"


def bootstrap(port: int, good: int, log: Path, fields: dict[str, Any]) -> dict[str, Any]:
    front = hcm(route("/", cluster="good"), **fields)
    kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    front["typed_config"]["access_log"] = [
        {
            "name": "log",
            "typed_config": {
                "@type": kind,
                "path": str(log),
                "log_format": {"text_format_source": {"inline_string": FORMAT}},
            },
        }
    ]
    front["typed_config"]["http_filters"] = [ROUTER]
    where = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "static_resources": {
            "listeners": [{**listener(front), "address": where}],
            "clusters": [cluster("good", good)],
        },
    }


async def converse(port: int, parts: tuple[bytes, ...]) -> bytes:
    """Each part after the answer to the one before it; everything that came until the proxy closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        got = b""
        for number, part in enumerate(parts):
            if not part:
                writer.write_eof()
                break
            writer.write(part)
            if number < len(parts) - 1:
                got += await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), WAIT_S)
        return got + await asyncio.wait_for(reader.read(), 2 * WAIT_S)
    finally:
        writer.close()


def _comparable(data: bytes) -> list[bytes]:
    data = re.sub(CHANGING.replace(b"|connection", b""), b"", data)
    return [b"\r\n".join(sorted(one.splitlines())) for one in data.split(b"\r\n\r\n")]


async def observe(command: list[str], directory: Path, name: str) -> list[Any]:
    fields, parts = SCENARIOS[name]
    async with backend(Echo()) as good_port:
        port = free_port()
        log = directory / f"{port}.log"
        path = directory / f"{port}.json"
        path.write_text(json.dumps(bootstrap(port, good_port, log, fields)))
        async with started([*command, "-c", str(path)], port):
            data = await converse(port, parts)
    return [_comparable(data), [line for line in log.read_text().splitlines() if line != "0 DC -"]]


@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_same_end(name: str, tmp_path: Path) -> None:
    assert ENVOY is not None
    envoy = [ENVOY, "--concurrency", "1", "--base-id", str(os.getpid()), "--log-level", "off"]
    theirs = await observe(envoy, tmp_path, name)
    ours = await observe([sys.executable, "-m", "sidecar"], tmp_path, name)
    assert ours == theirs


CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"


class Upstream:
    """Answers with a trailer, after a 100 to who expects one; keeps what it saw."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"expect: " in head:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readuntil(b"0\r\n") + await reader.readuntil(b"\r\n")
        while not body.endswith(b"\r\n\r\n"):
            body += await reader.readuntil(b"\r\n")
        self.seen += [_comparable(head), body]
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-last: 1\r\n\r\n")
        await writer.drain()


def _configure_upstream(config: dict[str, Any], fields: dict[str, Any]) -> None:
    """The cluster's HTTP/1 options are those of the listener."""
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": fields.get("http_protocol_options", {})},
    }
    config["static_resources"]["clusters"][0]["typed_extension_protocol_options"] = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
    }


async def through(command: list[str], directory: Path, fields: dict[str, Any], head: bytes, body: bytes) -> list[Any]:
    upstream = Upstream()
    async with backend(upstream) as good_port:
        port = free_port()
        path = directory / f"{port}.json"
        config = bootstrap(port, good_port, directory / f"{port}.log", fields)
        _configure_upstream(config, fields)
        path.write_text(json.dumps(config))
        async with started([*command, "-c", str(path)], port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            interim = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S) if b"expect" in head else b""
            writer.write(body)
            data = await asyncio.wait_for(reader.read(), WAIT_S)
            writer.close()
    return [interim, _comparable(data), upstream.seen]


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        ({}, CHUNKED),
        ({"http_protocol_options": {"enable_trailers": True}}, CHUNKED),
        ({}, CHUNKED[:-2] + b"expect: 100-continue\r\n\r\n"),
        ({"proxy_100_continue": True}, CHUNKED[:-2] + b"expect: 100-continue\r\n\r\n"),
    ],
    ids=["trailers dropped", "trailers kept", "expect answered", "expect passed on"],
)
async def test_the_same_trailers_and_expectations(fields: dict[str, Any], head: bytes, tmp_path: Path) -> None:
    assert ENVOY is not None
    body = b"2\r\nab\r\n0\r\nx-first: 1\r\n\r\n"
    envoy = [ENVOY, "--concurrency", "1", "--base-id", str(os.getpid()), "--log-level", "off"]
    theirs = await through(envoy, tmp_path, fields, head, body)
    ours = await through([sys.executable, "-m", "sidecar"], tmp_path, fields, head, body)
    assert ours == theirs


PRESERVED = {
    "header_key_format": {
        "stateful_formatter": {
            "name": "preserve_case",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3."
                "PreserveCaseFormatterConfig"
            },
        }
    }
}


async def spelled(command: list[str], directory: Path, fields: dict[str, Any]) -> list[Any]:
    """Names as the upstream and as the client see them, of two requests."""
    echo = Echo(answer(b"ok", extra=b"X-Own: 1\r\nset-Cookie: a\r\n"))
    async with backend(echo) as good_port:
        port = free_port()
        path = directory / f"{port}.json"
        config = bootstrap(port, good_port, directory / f"{port}.log", fields)
        _configure_upstream(config, fields)
        path.write_text(json.dumps(config))
        async with started([*command, "-c", str(path)], port):
            request = (
                b"GET /a HTTP/1.1\r\nHOST: a.test\r\nX-In: 1\r\nX-MORE: 2\r\nUser-agent: u\r\nConnection: close\r\n\r\n"
            )
            answers = [await converse(port, (request,)) for _ in range(2)]
    return [sorted(re.findall(rb"(?m)^([^ :]+): ", data)) for data in (*echo.heads, *answers)]


@pytest.mark.parametrize("fields", [{}, {"http_protocol_options": PRESERVED}], ids=["lower", "kept"])
async def test_the_same_case_of_names(fields: dict[str, Any], tmp_path: Path) -> None:
    assert ENVOY is not None
    envoy = [ENVOY, "--concurrency", "1", "--base-id", str(os.getpid()), "--log-level", "off"]
    assert await spelled([sys.executable, "-m", "sidecar"], tmp_path, fields) == await spelled(envoy, tmp_path, fields)
