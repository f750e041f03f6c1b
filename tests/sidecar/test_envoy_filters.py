"""HTTP filters through Envoy and through us: the same answers on the same file, and the same counts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.engines import ROUTER, Echo, backend, call, cluster, hcm, listener, route
from tests.sidecar.exchange.test_filters import limit, named, rbac
from tests.sidecar.test_envoy_differential import ENVOY, comparable, free_port, started

pytestmark = [pytest.mark.integration, pytest.mark.skipif(ENVOY is None, reason="no envoy in PATH")]

_TYPES = "type.googleapis.com/envoy.extensions.filters.http."
LOOPBACK = {"address_prefix": "127.0.0.0", "prefix_len": 8}


def rule(**permission: Any) -> dict[str, Any]:
    return rbac(permission)


ACCESS: dict[str, dict[str, Any]] = {
    "path": rule(url_path={"path": {"prefix": "/admin"}}),
    "header": rule(header={"name": "x-user", "string_match": {"exact": "jason"}}),
    "absent": rule(header={"name": "x-user", "present_match": False}),
    "not": rule(not_rule={"header": {"name": ":path", "string_match": {"prefix": "/a"}}}),
    "and": rule(and_rules={"rules": [{"url_path": {"path": {"prefix": "/a"}}}, {"destination_port": 1}]}),
    "or": rule(or_rules={"rules": [{"url_path": {"path": {"exact": "/x"}}}, {"destination_ip": LOOPBACK}]}),
    "ports": rule(destination_port_range={"start": 1, "end": 65536}),
    "allow": rbac({"url_path": {"path": {"exact": "/x"}}}, "ALLOW"),
    "log": rbac({"any": True}, "LOG"),
    "nothing": {"@type": f"{_TYPES}rbac.v3.RBAC"},
    "no policies": {"@type": f"{_TYPES}rbac.v3.RBAC", "rules": {"action": "ALLOW"}},
}
REQUESTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/x", {}),
    ("/admin", {}),
    ("/admin/y?z", {"headers": "x-user: jason\r\n"}),
    ("/a", {"headers": "x-user: other\r\n"}),
    ("/none", {"headers": "content-type: application/grpc\r\n", "method": "POST"}),
)
PER_ROUTE = {"@type": f"{_TYPES}rbac.v3.RBACPerRoute"}


def bootstrap(port: int, admin: int, good: int, filters: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    free = {**route("/admin/y", cluster="good"), "typed_per_filter_config": {"rbac": PER_ROUTE}}
    front = hcm(free, route({"path": "/none"}, cluster="good"), route("/", cluster="good"))
    del front["typed_config"]["access_log"]
    front["typed_config"]["http_filters"] = [*filters, ROUTER]
    where = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "static_resources": {
            "listeners": [{**listener(front), "address": where}],
            "clusters": [cluster("good", good)],
        },
    }


def counts(admin: int, pattern: str) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/stats?filter={pattern}", timeout=5) as answer:
        return sorted(line for line in answer.read().decode().splitlines() if "_ms" not in line)


async def observe(command: list[str], directory: Path, filters: tuple[dict[str, Any], ...], pattern: str) -> list[Any]:
    good, seen = Echo(), list[Any]()
    async with backend(good) as good_port:
        port, admin = free_port(), free_port()
        path = directory / f"{port}.json"
        path.write_text(json.dumps(bootstrap(port, admin, good_port, filters)))
        async with started([*command, "-c", str(path)], port):
            for target, fields in REQUESTS:
                status, head, body = await call(port, target, **fields)
                seen.append((target, status, comparable(head), body))
            seen.append(await _in_thread(admin, pattern))
    return [*seen, [comparable(head) for head in good.heads]]


async def _in_thread(admin: int, pattern: str) -> list[str]:
    return await asyncio.to_thread(counts, admin, pattern)


async def same(tmp_path: Path, filters: tuple[dict[str, Any], ...], pattern: str) -> None:
    assert ENVOY is not None
    envoy = [ENVOY, "--concurrency", "1", "--base-id", str(os.getpid()), "--log-level", "off"]
    theirs = await observe(envoy, tmp_path, filters, pattern)
    ours = await observe([sys.executable, "-m", "sidecar"], tmp_path, filters, pattern)
    assert ours == theirs


@pytest.mark.parametrize("name", ACCESS)
async def test_access_rules(name: str, tmp_path: Path) -> None:
    await same(tmp_path, (named("rbac", ACCESS[name]),), "rbac")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"status": {"code": 503}},
        {"filter_enforced": {"default_value": {"numerator": 0}}},
        {"filter_enabled": {"default_value": {"numerator": 0}}},
        {"rate_limited_as_resource_exhausted": True},
        {"response_headers_to_add": [{"header": {"key": "x-limited", "value": "yes"}}]},
    ],
)
async def test_rate_limit(fields: dict[str, Any], tmp_path: Path) -> None:
    await same(tmp_path, (named("limit", limit(2, **fields)),), "http_local_rate_limit")
