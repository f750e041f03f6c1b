"""Goal: pods without a sidecar reach services, pods and names, and nothing of the host.

Method: real pods; the cluster's maps are filled by hand, as the informers would, and the proxy runs in the test.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mesh.kube.tasks import spawn
from orchestrator.layout import Layout
from orchestrator.network.cluster import Cluster
from orchestrator.network.node_proxy import NodeProxy, Refused, choose
from orchestrator.network.resolver import Resolver
from orchestrator.runtimes.base import ContainerSpec

CLIENT_IP, SERVER_IP = "10.244.8.2", "10.244.8.3"
SERVER = """
import socket
s = socket.create_server(('', 8080))
print('up', flush=True)
while True:
    c, a = s.accept()
    c.sendall(b'from ' + a[0].encode() + b' ' + c.recv(100)); c.shutdown(1); c.close()
"""
CALL = """
import socket, sys
for target in sys.argv[1:]:
    host, _, port = target.rpartition(':')
    try:
        with socket.create_connection((host, int(port)), timeout=5) as c:
            c.sendall(b'hi'); c.shutdown(1)
            answer = b''
            while piece := c.recv(100): answer += piece
            print(answer.decode() or 'empty', flush=True)
    except OSError as e:
        print(type(e).__name__, flush=True)
"""


def service(name: str, address: str, **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"clusterIP": address, "ports": ports, **spec}}


def endpoints(service_name: str, *ips: str, port: int = 8080, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"{service_name}-1",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "ports": [{"name": "http", "port": port}],
        "endpoints": [{"addresses": [ip], "conditions": {"ready": True}, **more} for ip in ips],
    }


def pod(name: str, ip: str, layout: Layout, *, image: str = "app") -> dict[str, Any]:
    annotations = {"pocketmesh.io/sandbox": str(layout.sandbox(ip))}
    return {
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{ip}", "annotations": annotations},
        "spec": {"containers": [{"name": "main", "image": image}]},
        "status": {"phase": "Running", "podIP": ip},
    }


@pytest.fixture
async def cluster(make_pod, layout: Layout) -> AsyncIterator[Cluster]:
    """A client pod, a server pod that listens, and the node proxy at both."""
    made = Cluster()
    client = await make_pod(CLIENT_IP, name="client")
    server = await make_pod(SERVER_IP, name="server")
    await server.start_container(ContainerSpec("main", ("python", "-c", SERVER), "main/0.log"))
    await client.start_container(ContainerSpec("idle", ("sleep", "600"), "idle/0.log"))
    made.on_service(None, service("web", "10.96.4.4"))
    made.on_service(None, service("peers", "None"))
    made.on_service(None, service("nobody", "10.96.4.5"))
    made.on_service(None, service("away", "", type="ExternalName", externalName="web.default.svc.cluster.local"))
    made.on_slice(None, endpoints("web", SERVER_IP))
    made.on_slice(None, endpoints("peers", SERVER_IP, hostname="server"))
    for name, ip in (("client", CLIENT_IP), ("server", SERVER_IP)):
        made.on_pod(None, pod(name, ip, layout))
    proxy = NodeProxy(made, Resolver(made))
    proxy.reconcile()
    while (await server.execute("main", ["grep", "-q", "1F90", "/proc/net/tcp"], timeout_s=5)).exit_code != 0:
        await asyncio.sleep(0.01)
    made.proxy = proxy  # type: ignore[attr-defined]
    made.client = client  # type: ignore[attr-defined]
    yield made
    proxy.stop()


async def call(cluster: Cluster, *targets: str) -> list[str]:
    found = await cluster.client.execute("idle", ["python", "-c", CALL, *targets], timeout_s=20)  # type: ignore[attr-defined]
    assert not found.timed_out
    return found.output.decode().splitlines()


async def test_services_pods_and_names(cluster: Cluster) -> None:
    """The server sees its own pod's address as the caller's, because the proxy dials inside its namespace."""
    hello = f"from {SERVER_IP} hi"
    targets = ["10.96.4.4:80", f"{SERVER_IP}:8080", "web:80", "web.default:80", "web.default.svc.cluster.local:80"]
    targets += ["peers:8080", "server.peers:8080", "away:80"]
    assert await call(cluster, *targets) == [hello] * len(targets)


async def test_what_nobody_answers_is_refused(cluster: Cluster) -> None:
    """No ready endpoint, no such port, service or pod: an end at once, not a wait."""
    async with asyncio.timeout(10):
        found = await call(cluster, "10.96.4.5:80", "10.96.4.4:81", "10.96.99.99:80", "10.244.99.99:80")
    assert set(found) <= {"ConnectionResetError", "empty"}
    assert await call(cluster, "no-such-service:80") == ["gaierror"]


async def test_the_host_is_out_of_reach(cluster: Cluster) -> None:
    """A listener of the host answers on none of its addresses; neither do loopback and link-local ones."""
    loop = asyncio.get_running_loop()
    reached = asyncio.Event()
    server = await loop.create_server(asyncio.Protocol, "0.0.0.0", 0)
    port = server.sockets[0].getsockname()[1]
    watch = await loop.create_server(lambda: _Notice(reached), "0.0.0.0", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        own = probe.getsockname()[0]
    targets = [f"{own}:{port}", f"{own}:{watch.sockets[0].getsockname()[1]}", f"127.0.0.1:{port}", "169.254.169.254:80"]
    found = await call(cluster, *targets)
    assert set(found) <= {"ConnectionResetError", "ConnectionRefusedError", "empty"}, found
    assert not reached.is_set()
    server.close()
    watch.close()


class _Notice(asyncio.Protocol):
    def __init__(self, reached: asyncio.Event) -> None:
        self.reached = reached

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.reached.set()


async def test_the_api_server_is_reached_through_its_service(cluster: Cluster) -> None:
    """An endpoint that is no pod is dialled from the host; of loopback only what `default/kubernetes` names."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"api " + await reader.read(10))
        writer.write_eof()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cluster.on_service(None, service("kubernetes", "10.96.0.1"))
    cluster.on_slice(None, endpoints("kubernetes", "127.0.0.1", port=port))
    cluster.on_service(None, service("sneaky", "10.96.4.6"))
    cluster.on_slice(None, endpoints("sneaky", "127.0.0.1", port=port))
    first, second = await call(cluster, "kubernetes:80", "sneaky:80")
    assert first == "api hi"
    assert second in ("ConnectionResetError", "empty")
    server.close()


async def test_hooks_follow_the_pods(cluster: Cluster, layout: Layout) -> None:
    """A pod that gains a sidecar is let go of; one that ends takes its hooks along."""
    proxy = NodeProxy(cluster, Resolver(cluster))
    old = pod("client", CLIENT_IP, layout)
    cluster.on_pod(old, pod("client", CLIENT_IP, layout, image="pocketmesh/proxyv2:1"))
    proxy.reconcile()
    assert set(proxy._hooks) == {SERVER_IP}
    cluster.on_pod(pod("server", SERVER_IP, layout), None)
    proxy.reconcile()
    assert not proxy._hooks


async def test_callers_wait_while_the_proxy_restarts(cluster: Cluster) -> None:
    """Connections that nobody accepts yet queue in the sandboxes, outbound and inbound."""
    first: NodeProxy = cluster.proxy  # type: ignore[attr-defined]
    first.stop()
    calling = spawn(call(cluster, "10.96.4.4:80", f"{SERVER_IP}:8080"), name="call")
    done, _ = await asyncio.wait({calling}, timeout=0.3)
    assert not done
    second = NodeProxy(cluster, Resolver(cluster))
    second.reconcile()
    assert await calling == [f"from {SERVER_IP} hi"] * 2
    second.stop()


def test_a_sticky_service_keeps_its_endpoint() -> None:
    cluster = Cluster()
    cluster.on_service(None, service("web", "10.96.4.4", sessionAffinity="ClientIP"))
    cluster.on_slice(None, endpoints("web", "10.244.0.1", "10.244.0.2", "10.244.0.3"))
    for source in ("10.244.1.1", "10.244.1.2"):
        assert len({choose(cluster, "10.96.4.4", 80, source=source) for _ in range(20)}) == 1
    with pytest.raises(Refused):
        choose(cluster, "10.96.4.4", 81, source="10.244.1.1")
