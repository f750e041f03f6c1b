"""Paths and authorities through Envoy and through us: what is matched and forwarded must be spelled alike."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.engines import ROUTER, Echo, backend, cluster, exchange, hcm, listener, route
from tests.sidecar.test_envoy_differential import ENVOY, comparable, free_port, started

pytestmark = [pytest.mark.integration, pytest.mark.skipif(ENVOY is None, reason="no envoy in PATH")]

MANAGERS: dict[str, dict[str, Any]] = {
    "as they are": {},
    "normalised": {"normalize_path": True},
    "merged": {"normalize_path": True, "merge_slashes": True},
    "merged only": {"merge_slashes": True},
    "rejected": {"normalize_path": True, "path_with_escaped_slashes_action": "REJECT_REQUEST"},
    "redirected": {"normalize_path": True, "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT"},
    "forwarded": {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    },
    "no port": {"strip_any_host_port": True},
    "not our port": {"strip_matching_host_port": True},
    "no dot": {"strip_trailing_host_dot": True},
}
PATHS = (
    "/", "/a/b", "/a//b", "//a///b//?c=//d", "/a/./b/../c", "/a/%2e%2E/b", "/a%2Fb", "/a%2f..%2fb?d=%2f", "/a%5cb",
    "/%2e%2e/%2e", "/..%2f../x", "/a/..", "/a/.", "/.a/..b", "/%41%7e%2d", "/%C3%a4/%20",
)  # fmt: skip
HOSTS = ("a.test", "a.test:80", "a.test.", "a.test.:8080", "A.Test")


def bootstrap(port: int, good: int, fields: dict[str, Any]) -> dict[str, Any]:
    front = hcm(route("/a/", cluster="good"), route("/", cluster="good", prefix_rewrite="/root/"), **fields)
    del front["typed_config"]["access_log"]
    front["typed_config"]["http_filters"] = [ROUTER]
    where = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "static_resources": {
            "listeners": [{**listener(front), "address": where}],
            "clusters": [cluster("good", good)],
        },
    }


async def observe(command: list[str], directory: Path, fields: dict[str, Any]) -> list[Any]:
    good, seen = Echo(), list[Any]()
    async with backend(good) as good_port:
        port = free_port()
        path = directory / f"{port}.json"
        path.write_text(json.dumps(bootstrap(port, good_port, fields)))
        async with started([*command, "-c", str(path)], port):
            targets = [(one, "a.test") for one in PATHS] + [("/a/x", one) for one in (*HOSTS, f"a.test:{port}")]
            for target, host in targets:
                good.heads.clear()
                request = f"GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
                head = (await exchange(port, request.encode())).partition(b"\r\n\r\n")[0]
                sent = [comparable(one.replace(b":%d" % port, b":OUR")) for one in good.heads]
                seen.append((target, host.replace(str(port), "OUR"), comparable(head), sent))
    return seen


@pytest.mark.parametrize("name", MANAGERS)
async def test_the_same_spelling(name: str, tmp_path: Path) -> None:
    assert ENVOY is not None
    envoy = [ENVOY, "--concurrency", "1", "--base-id", str(os.getpid()), "--log-level", "off"]
    theirs = await observe(envoy, tmp_path, MANAGERS[name])
    ours = await observe([sys.executable, "-m", "sidecar"], tmp_path, MANAGERS[name])
    assert ours == theirs
