"""Access logs through Envoy and through us: the same lines of the same requests."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.engines import ROUTER, Echo, backend, call, cluster, hcm, listener, route
from tests.sidecar.test_envoy_differential import ENVOY, free_port, started

pytestmark = [pytest.mark.integration, pytest.mark.skipif(ENVOY is None, reason="no envoy in PATH")]

FILE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
LINES_S = 20.0


def compared(op: str, value: int) -> dict[str, Any]:
    return {"comparison": {"op": op, "value": {"default_value": value, "runtime_key": "k"}}}


SLOW, BAD = {"duration_filter": compared("GE", 60_000)}, {"status_code_filter": compared("GE", 500)}
FILTERS: dict[str, dict[str, Any]] = {
    "bad": BAD,
    "found": {"status_code_filter": compared("LE", 399)},
    "teapot": {"status_code_filter": compared("EQ", 418)},
    "slow": SLOW,
    "no check": {"not_health_check_filter": {}},
    "traced": {"traceable_filter": {}},
    "all": {"runtime_filter": {"runtime_key": "k", "percent_sampled": {"numerator": 100}}},
    "none": {"runtime_filter": {"runtime_key": "k", "percent_sampled": {"numerator": 0}}},
    "half": {"runtime_filter": {"runtime_key": "k", "percent_sampled": {"numerator": 50}}},
    "and": {"and_filter": {"filters": [BAD, {"response_flag_filter": {"flags": ["NC", "UF"]}}]}},
    "or": {"or_filter": {"filters": [SLOW, {"status_code_filter": compared("EQ", 404)}]}},
    "header": {"header_filter": {"header": {"name": "x-user", "string_match": {"exact": "jason"}}}},
    "no header": {"header_filter": {"header": {"name": "x-user", "present_match": True, "invert_match": True}}},
    "flag": {"response_flag_filter": {}},
    "grpc": {"grpc_status_filter": {"statuses": ["UNAVAILABLE"]}},
    "no grpc": {"grpc_status_filter": {"statuses": ["UNKNOWN", "OK"], "exclude": True}},
}
REQUESTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/good?1", {}),
    ("/tea", {}),
    ("/missing", {"headers": "x-user: jason\r\n"}),
    ("/dead", {}),
    ("/none", {}),
    ("/missing?grpc", {"headers": "content-type: application/grpc\r\n", "method": "POST"}),
    ("/good?2", {"headers": "x-request-id: 00000031-0000-4000-8000-000000000000\r\n"}),
    ("/good?3", {"headers": "x-request-id: 00000032-0000-4000-8000-000000000000\r\n"}),
)


def log(path: Path, log_format: dict[str, Any], log_filter: dict[str, Any] | None = None) -> dict[str, Any]:
    config = {"@type": FILE, "path": str(path), "log_format": log_format}
    return {"name": "file", "typed_config": config, **({"filter": log_filter} if log_filter is not None else {})}


async def lines(command: list[str], path: Path, logs: list[dict[str, Any]], last: Path) -> None:
    """All requests through one proxy; `last` is a log of everything, so all are written once it is."""
    async with backend(Echo()) as good_port:
        port = free_port()
        front = hcm(
            route("/good", cluster="good"),
            route("/tea", direct_response={"status": 418, "body": {"inline_string": "short"}}),
            route("/missing", cluster="nowhere"),
            route("/dead", cluster="dead"),
            access_log=logs,
        )
        front["typed_config"]["http_filters"] = [ROUTER]
        front["typed_config"]["route_config"]["validate_clusters"] = False
        front["typed_config"]["preserve_external_request_id"] = True
        where = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        path.write_text(
            json.dumps({
                "static_resources": {
                    "listeners": [{**listener(front), "address": where}],
                    "clusters": [cluster("good", good_port), cluster("dead", 1)],
                }
            })
        )  # fmt: skip
        async with started([*command, "-c", str(path)], port):
            for target, fields in REQUESTS:
                await call(port, target, **fields)
            async with asyncio.timeout(LINES_S):
                while not last.exists() or last.read_bytes().count(b"\n") < len(REQUESTS):
                    await asyncio.sleep(0.05)


COMMANDS = {
    "envoy": [str(ENVOY), "--concurrency", "1", "--log-level", "off", "--file-flush-interval-msec", "100"],
    "ours": [sys.executable, "-m", "sidecar"],
}


async def both(directory: Path, logs: dict[str, tuple[dict[str, Any], dict[str, Any] | None]]) -> dict[str, Any]:
    """What each proxy wrote into each log, by proxy and log."""
    written: dict[str, Any] = {}
    for who, command in COMMANDS.items():
        paths = {name: directory / f"{who}-{name}" for name in logs}
        last = directory / f"{who}.last"
        configs = [log(paths[name], form, one) for name, (form, one) in logs.items()]
        configs.append(log(last, {"text_format": "%PROTOCOL%\n"}))
        base = ["--base-id", str(os.getpid())] if who == "envoy" else []
        await lines([*command, *base], directory / f"{who}.json", configs, last)
        written[who] = {name: path.read_text().splitlines() for name, path in paths.items()}
    return written


async def test_filters(tmp_path: Path) -> None:
    line = {"text_format": "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%\n"}
    written = await both(tmp_path, {name: (line, one) for name, one in FILTERS.items()})
    # An id that the proxy made is different each time: only the requests that brought theirs can be compared.
    for found in written.values():
        found["half"] = [one for one in found["half"] if one.startswith(("/good?2", "/good?3"))]
    assert written["ours"] == written["envoy"]
    assert len({tuple(found) for found in written["envoy"].values()}) > 8


async def test_empty_values(tmp_path: Path) -> None:
    inner = {"c": "%ROUTE_NAME%", "d": "%PROTOCOL%"}
    shape = {"a": "%REQ(x-user)%", "b": inner, "e": "<%REQ(x-user)%>", "f": "%RESPONSE_CODE%"}
    written = await both(
        tmp_path,
        {
            "text": ({"text_format": "<%REQ(x-user)%|%ROUTE_NAME%>\n", "omit_empty_values": True}, None),
            "json": ({"json_format": shape, "omit_empty_values": True}, None),
            "plain": ({"json_format": shape}, None),
        },
    )
    for found in written.values():
        for name in ("json", "plain"):
            found[name] = [json.loads(one) for one in found[name]]
    assert written["ours"] == written["envoy"]


OPERATORS = (
    "REQ(:METHOD)", "REQ(X-NONE?:PATH)", "REQ(X-NONE?:PATH):3", "REQUEST_HEADER(x-user)", "RESPONSE_HEADER(server)",
    "RESP(content-type)", "RESP(content-type):6", "TRAILER(x)", "PROTOCOL", "RESPONSE_CODE", "RESPONSE_CODE_DETAILS",
    "RESPONSE_FLAGS", "RESPONSE_FLAGS_LONG", "BYTES_RECEIVED", "BYTES_SENT", "ROUTE_NAME",
    "UPSTREAM_CLUSTER", "UPSTREAM_REQUEST_ATTEMPT_COUNT", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "REQUESTED_SERVER_NAME",
    "DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_TLS_VERSION", "ENVIRONMENT(HOME)", "CONNECTION_TERMINATION_DETAILS",
)  # fmt: skip


async def test_operators(tmp_path: Path) -> None:
    text = "".join(f"{name}=%{name}%\n" if name == OPERATORS[-1] else f"{name}=%{name}% " for name in OPERATORS)
    shape = {name: f"%{name}%" for name in OPERATORS}
    written = await both(tmp_path, {"text": ({"text_format": text}, None), "json": ({"json_format": shape}, None)})
    for found in written.values():
        found["json"] = [json.loads(one) for one in found["json"]]
    assert written["ours"] == written["envoy"]
