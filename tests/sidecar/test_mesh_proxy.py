"""A proxy forked from a zygote, steered by a real control plane: ready, answering, light, and gone when told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import dnslib
import pytest

from mesh.kube.kinds import POD
from tests.sidecar.pods import LoopbackShim
from tests.sidecar.zygotes import RunningZygote, private_kib, wait_file, wait_gone

pytestmark = pytest.mark.integration

FORBIDDEN = ("aiohttp", "grpc", "google.protobuf", "cryptography", "yaml", "opentelemetry", "pydantic", "click")
PRIVATE_KIB_MAX = 13 * 1024
"""With a certificate, a stream and a small mesh's configuration, all statistics shown once; 12.4 MiB measured."""
PROBE = """
import sys
from pathlib import Path

def main(argv):
    from sidecar import process
    code = process.main(argv)
    Path(__import__("os").environ["MODULES_FILE"]).write_text("\\n".join(sorted(sys.modules)))
    return code
"""


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pm-") as name:
        yield Path(name)


@pytest.fixture
def zygote(place: Path) -> Iterator[RunningZygote]:
    (place / "guarded_proxy.py").write_text(PROBE)
    running = RunningZygote(place, preload=["guarded_proxy"], path=str(place))
    yield running
    running.close()


class Pod:
    """What the kubelet makes for a proxy: volumes, a sandbox, an environment."""

    def __init__(self, place: Path, proxy: Any) -> None:
        meta = proxy.pod["metadata"]
        self.directory = place / meta["name"]
        for part in ("tokens", "istio", "podinfo", "proxy", "sandbox"):
            (self.directory / part).mkdir(parents=True)
        self.write_token(proxy.token)
        (self.directory / "istio" / "root-cert.pem").write_text((proxy.directory / "root.pem").read_text())
        (self.directory / "podinfo" / "labels").write_text(f'app="{meta["name"]}"\n')
        self.shim = LoopbackShim(self.directory / "sandbox")
        self.exit_file = self.directory / "exit.json"
        mounts = {
            "/var/run/secrets/tokens": self.directory / "tokens",
            "/var/run/secrets/istio": self.directory / "istio",
            "/etc/istio/pod": self.directory / "podinfo",
        }
        address = f"{proxy.discovery.host}:{proxy.discovery.port}"
        self.environment = {
            "POD_NAME": meta["name"],
            "POD_NAMESPACE": meta["namespace"],
            "INSTANCE_IP": proxy.pod["status"]["podIP"],
            "SERVICE_ACCOUNT": "default",
            "PROXY_CONFIG": json.dumps({"discoveryAddress": address, "terminationDrainDuration": "1s"}),
            "POCKETMESH_SANDBOX": str(self.directory / "sandbox"),
            "POCKETMESH_PROXY_DIR": str(self.directory / "proxy"),
            "POCKETMESH_MOUNTS": json.dumps({key: str(value) for key, value in mounts.items()}),
            "MODULES_FILE": str(self.directory / "modules"),
        }

    def write_token(self, token: str) -> None:
        (self.directory / "tokens" / "istio-token").write_text(token)

    async def get(self, port: int, path: str) -> tuple[int, bytes]:
        return await fetch(await asyncio.open_connection("127.0.0.1", self.shim.ports[port, "stream"]), path)

    async def admin(self, path: str) -> tuple[int, bytes]:
        return await fetch(await asyncio.open_unix_connection(self.directory / "proxy" / "admin.sock"), path)

    async def ready(self) -> None:
        async with asyncio.timeout(20):
            while True:
                if (15021, "stream") in self.shim.ports:
                    status, _ = await self.get(15021, "/healthz/ready")
                    if status == 200:
                        return
                await asyncio.sleep(0.005)


async def fetch(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], path: str) -> tuple[int, bytes]:
    reader, writer = streams
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    async with asyncio.timeout(15):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


@pytest.fixture
async def pod(cluster: Any, place: Path) -> AsyncIterator[Pod]:
    await cluster.service("web")
    made = Pod(place, await cluster.proxy(await cluster.pod("web", app="web")))
    annotation = {"pocketmesh.io/sandbox": str(made.directory / "sandbox")}
    await cluster.admin.patch(POD, "web", {"metadata": {"annotations": annotation}}, "default")
    yield made
    made.shim.close()


async def test_life_of_a_sidecar(cluster: Any, zygote: RunningZygote, pod: Pod) -> None:
    began = time.monotonic()
    answer = await asyncio.to_thread(
        zygote.fork, "guarded_proxy", ["proxy", "sidecar"], env=pod.environment, exit_file=pod.exit_file
    )
    pid = answer["pid"]
    await pod.ready()
    assert time.monotonic() - began < 10
    await answers_names(pod)
    status, body = await pod.get(15020, "/stats/prometheus")
    assert (status, b"# TYPE" in body) == (200, True)
    assert (await pod.admin("/ready"))[1] == b"LIVE\n"
    assert b"virtualInbound" in (await pod.admin("/listeners"))[1]
    names = [one["name"] for one in json.loads((await pod.admin("/clusters?format=json"))[1])["cluster_statuses"]]
    assert "outbound|9080||web.default.svc.cluster.local" in names
    certificates = json.loads((await pod.admin("/certs"))[1])["certificates"]
    assert certificates[0]["cert_chain"][0]["subject_alt_names"] == [
        {"uri": "spiffe://cluster.local/ns/default/sa/default"}
    ]
    if os.getuid() == 0:
        assert private_kib(pid) <= PRIVATE_KIB_MAX
    assert await pod.get(15020, "/withdraw") == (200, b"withdrawn\n")
    os.kill(pid, signal.SIGTERM)
    await asyncio.to_thread(wait_gone, pid)
    assert json.loads(wait_file(pod.exit_file))["exit_code"] == 0
    assert not (pod.directory / "proxy" / "admin.sock").exists()
    modules = (pod.directory / "modules").read_text().split("\n")
    assert [name for name in modules if name.startswith(FORBIDDEN)] == []
    assert "sidecar.engine" in modules


async def answers_names(pod: Pod) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.setblocking(False)
        resolver.connect(("127.0.0.1", pod.shim.ports[15053, "dgram"]))
        async with asyncio.timeout(10):
            while True:
                query = dnslib.DNSRecord.question("web.default.svc.cluster.local")
                await loop.sock_sendall(resolver, query.pack())
                reply = dnslib.DNSRecord.parse(await loop.sock_recv(resolver, 4096))
                if reply.rr:
                    return
                await asyncio.sleep(0.02)


async def test_without_control_plane(cluster: Any, zygote: RunningZygote, pod: Pod) -> None:
    """Killed and started again with nobody to ask: the last good configuration is in force at once."""
    first = await asyncio.to_thread(zygote.fork, "sidecar.process", ["proxy", "sidecar"], env=pod.environment)
    await pod.ready()
    snapshot = pod.directory / "proxy" / "last-good.json"
    await asyncio.to_thread(wait_file, snapshot)
    while "outbound|9080||web" not in snapshot.read_text():
        await asyncio.sleep(0.05)
    os.kill(first["pid"], signal.SIGKILL)
    await asyncio.to_thread(wait_gone, first["pid"])
    nobody = {**pod.environment, "PROXY_CONFIG": json.dumps({"discoveryAddress": "127.0.0.1:1"})}
    second = await asyncio.to_thread(zygote.fork, "sidecar.process", ["proxy", "sidecar"], env=nobody)
    async with asyncio.timeout(10):
        while True:
            try:
                if b"virtualInbound" in (await pod.admin("/listeners"))[1]:
                    break
            except OSError:
                pass
            await asyncio.sleep(0.01)
    status, reason = await pod.get(15021, "/healthz/ready")
    assert (status, b"certificate" in reason) == (503, True)
    os.kill(second["pid"], signal.SIGTERM)
    await asyncio.to_thread(wait_gone, second["pid"])


async def test_bad_environment_is_said(zygote: RunningZygote, place: Path) -> None:
    exit_file = place / "bad.json"
    await asyncio.to_thread(
        zygote.fork, "sidecar.process", ["proxy", "sidecar"], env={"POD_NAME": "x"}, exit_file=exit_file
    )
    report = await asyncio.to_thread(wait_file, exit_file)
    assert json.loads(report)["exit_code"] == 1
