"""`python -m mesh serve` as a process: ready, stopped, killed and back, with a port that is taken."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from mesh.kube.http import HttpClient
from mesh.kube.kinds import SECRET
from mesh.process import EXIT_PORT_TAKEN, arguments, settings_of

pytestmark = pytest.mark.integration
DEADLINE_S = 20.0


def test_settings() -> None:
    options = arguments(
        ["--kubeconfig", "k", "--xds-port", "5", "--ingress-http-port", "6", "--otlp-endpoint", "http://c"]
    )
    settings = settings_of(options, {"DEFAULT_WORKLOAD_CERT_TTL": "30s", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other"})
    assert (settings.xds_port, settings.ingress_http_port, settings.ingress_https_port) == (5, 6, 8443)
    assert settings.otlp_endpoint == "http://c"
    assert (settings.lifetimes.default_s, settings.lifetimes.max_s) == (30.0, 90 * 86400.0)


class Process:
    """One run; `ready` is what it tells the supervisor."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        address = home / "notify.sock"
        address.unlink(missing_ok=True)
        self.socket.bind(str(address))

    async def start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mesh", "serve", "--kubeconfig", str(self.home / "control-plane" / "kubeconfig")),
            *("--xds-port", str(self.port), "--state", str(self.home / "state")),
            env={**os.environ, "NOTIFY_SOCKET": str(self.home / "notify.sock")},
            stderr=asyncio.subprocess.PIPE,
        )

    async def ready(self) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return await asyncio.get_running_loop().sock_recv(self.socket, 100)


async def test_killed_and_back_with_the_same_root(client: HttpClient, tmp_path: Path) -> None:
    run = Process(tmp_path, 0)
    first = await run.start()
    assert await run.ready() == b"READY=1"
    root = (await client.get(SECRET, "istio-ca-secret", "istio-system"))["data"]
    first.kill()
    await first.communicate()
    second = await run.start()
    assert await run.ready() == b"READY=1"
    assert (await client.get(SECRET, "istio-ca-secret", "istio-system"))["data"] == root
    second.send_signal(signal.SIGTERM)
    async with asyncio.timeout(DEADLINE_S):
        await second.communicate()
    assert second.returncode == 0


async def test_a_taken_port_is_named(client: HttpClient, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = await Process(tmp_path, taken.getsockname()[1]).start()
        async with asyncio.timeout(DEADLINE_S):
            _, errors = await process.communicate()
    assert process.returncode == EXIT_PORT_TAKEN
    assert b"--xds-port" in errors
