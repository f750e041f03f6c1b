"""The push loop: who is compiled for, who is waited for, and that one broken compilation stays its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from mesh.istio.mesh_config import MeshConfig
from mesh.kube.objects import Object
from mesh.registry.state import MeshState
from mesh.xds import pusher as module
from mesh.xds.debounce import Debounce
from mesh.xds.kinds import CLUSTER, ENDPOINT
from mesh.xds.node import Node
from mesh.xds.pusher import Pusher
from mesh.xds.session import Session
from mesh.xds.snapshot import Snapshot
from mesh.xds.wire import DeltaRequest


def pod(name: str, ip: str) -> Object:
    proxy = {"name": "istio-proxy", "image": "docker.io/pocketmesh/proxyv2:1", "args": ["proxy", "sidecar"]}
    return {
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}, "uid": name},
        "spec": {"initContainers": [proxy], "containers": [{"name": "app"}]},
        "status": {"podIP": ip, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def service(name: str) -> Object:
    ports = [{"name": "http", "port": 80}]
    spec = {"selector": {"app": name}, "ports": ports, "clusterIP": "10.96.1.1"}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


class Source:
    """A StateSource without an API server: the test sets its objects."""

    def __init__(self, *services: str, pods: Iterable[str] = ("a", "b")) -> None:
        self.state: MeshState | None = None
        self.version = "7"
        self.on_change: Any = None
        self.services = list(services)
        self.pods = list(pods)

    def build(self) -> MeshState:
        self.state = MeshState.build(
            {
                "Service": [service(name) for name in self.services],
                "Pod": [pod(name, f"10.244.0.{at}") for at, name in enumerate(self.pods, 1)],
            },
            MeshConfig(),
        )
        return self.state


class Connected:
    """A connected proxy without a connection."""

    def __init__(self, name: str, ip: str) -> None:
        self.node = Node("sidecar", ip, name, "default")
        self.session = Session()
        self.closed = False
        self.session.receive(DeltaRequest(CLUSTER, subscribe=("*",)), 0.0)

    def target(self, snapshot: Snapshot) -> None:
        self.session.target(snapshot)

    def close(self) -> None:
        self.closed = True

    def acknowledge_all(self) -> None:
        while responses := self.session.responses(1e9):
            for one in responses:
                self.session.receive(DeltaRequest(one.type_url, nonce=one.nonce), 0.0)


def clusters(stream: Connected) -> set[str]:
    assert stream.session.snapshot is not None
    return {name for name in stream.session.snapshot.of(CLUSTER) if name.startswith("outbound")}


async def test_a_proxy_gets_what_is_and_what_comes() -> None:
    source = Source("web")
    pusher = Pusher(source)  # type: ignore[arg-type]
    await pusher.push()
    stream = Connected("a", "10.244.0.1")
    pusher.attach(stream)
    assert clusters(stream) == {"outbound|80||web.default.svc.cluster.local"}
    source.services.append("new")
    await pusher.push()
    assert "outbound|80||new.default.svc.cluster.local" in clusters(stream)


async def test_changes_are_gathered_and_pushed() -> None:
    source = Source("web")
    pusher = Pusher(source, debounce=Debounce(quiet_s=0.01, wait_max_s=0.1))  # type: ignore[arg-type]
    task = asyncio.ensure_future(pusher.run())
    try:
        for _ in range(5):
            source.on_change()
        async with asyncio.timeout(5):
            while pusher.generation == 0:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        assert pusher.generation == 1
    finally:
        task.cancel()


async def test_a_newer_stream_replaces_the_older_one() -> None:
    pusher = Pusher(Source("web"))  # type: ignore[arg-type]
    older, newer = Connected("a", "10.244.0.1"), Connected("a", "10.244.0.1")
    pusher.attach(older)
    pusher.attach(newer)
    assert older.closed
    pusher.detach(older)
    assert pusher.streams["a.default"] is newer


async def test_one_broken_compilation_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source("web")
    pusher = Pusher(source)  # type: ignore[arg-type]
    good, bad = Connected("a", "10.244.0.1"), Connected("b", "10.244.0.2")
    pusher.attach(good)
    pusher.attach(bad)
    await pusher.push()
    before = bad.session.snapshot
    compile_proxy = module.compile_proxy

    def broken(state: MeshState, workload: Any) -> Any:
        if workload.name == "b":
            raise RuntimeError("bug")
        return compile_proxy(state, workload)

    monkeypatch.setattr(module, "compile_proxy", broken)
    source.services.append("new")
    await pusher.push()
    assert "outbound|80||new.default.svc.cluster.local" in clusters(good)
    assert bad.session.snapshot is before


async def test_waiting_is_for_proxies_that_are_there() -> None:
    source = Source("web")
    pusher = Pusher(source)  # type: ignore[arg-type]
    stream, gone = Connected("a", "10.244.0.1"), Connected("nobody", "10.244.0.9")
    for one in (stream, gone):
        one.session.receive(DeltaRequest(ENDPOINT, subscribe=("outbound|80||web.default.svc.cluster.local",)), 0.0)
        pusher.attach(one)
    generation = await pusher.push()
    waiting = asyncio.ensure_future(pusher.endpoints_level(generation))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    stream.acknowledge_all()
    pusher.acknowledged()
    await asyncio.wait_for(waiting, 5)


async def test_a_proxy_that_leaves_is_not_waited_for() -> None:
    source = Source("web")
    pusher = Pusher(source)  # type: ignore[arg-type]
    stream = Connected("a", "10.244.0.1")
    stream.session.receive(DeltaRequest(ENDPOINT, subscribe=("outbound|80||web.default.svc.cluster.local",)), 0.0)
    pusher.attach(stream)
    waiting = asyncio.ensure_future(pusher.endpoints_level(await pusher.push()))
    await asyncio.sleep(0.02)
    pusher.detach(stream)
    await asyncio.wait_for(waiting, 5)


async def test_polled_snapshots_are_kept_per_generation() -> None:
    source = Source("web")
    pusher = Pusher(source)  # type: ignore[arg-type]
    await pusher.push()
    assert source.state is not None
    workload = source.state.workloads["default", "a"]
    first = pusher.snapshot_of(workload)
    assert pusher.snapshot_of(workload) is first
    await pusher.push()
    assert pusher.snapshot_of(workload) is not first
    assert [name for name, _ in pusher.snapshots()] == ["a.default"]
