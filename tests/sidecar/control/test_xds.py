"""The stream against the real control plane, and against peers that misbehave."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.config.refusal import Refusal
from sidecar.control import xds as module
from sidecar.control.discovery import Discovery, DiscoveryError
from sidecar.control.snapshot import Snapshot
from sidecar.control.subscriptions import CLUSTER, ENDPOINTS, LISTENER, NAME_TABLE, ROUTES
from sidecar.control.xds import TRANSITIONS, Event, State, XdsClient
from tests.sidecar.control.fakes import RecordingEngine

CLUSTER_WEB = "outbound|9080||web.default.svc.cluster.local"


def xds_client(discovery: Discovery, engine: RecordingEngine, node_id: str, **more: Any) -> XdsClient:
    more.setdefault("names", lambda table: None)
    return XdsClient(discovery, engine, node={"id": node_id}, rng=random.Random(1), **more)


async def until(condition: Any) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.integration
async def test_with_the_real_control_plane(cluster: Any, tmp_path: Path) -> None:
    proxy = await cluster.proxy(await cluster.pod("web", app="web"))
    await proxy.identify()
    engine = RecordingEngine()
    engine.wanted = {ENDPOINTS: {CLUSTER_WEB}, ROUTES: {"9080"}}
    tables: list[Any] = []
    snapshot = Snapshot(tmp_path, proxy.node_id)
    xds = xds_client(proxy.discovery, engine, proxy.node_id, names=tables.append, snapshot=snapshot)
    snapshot.follow(xds.subscriptions)
    running = asyncio.create_task(xds.run())
    try:
        async with asyncio.timeout(15):
            await xds.applied.wait()
        assert "virtualInbound" in engine.applied[LISTENER]
        await cluster.service("web")
        await until(lambda: CLUSTER_WEB in engine.applied.get(CLUSTER, {}))
        await until(lambda: CLUSTER_WEB in engine.applied.get(ENDPOINTS, {}))
        await until(lambda: "web.default.svc.cluster.local" in (tables[-1] if tables else {}))
        await until(lambda: "9080" in engine.applied.get(ROUTES, {}))
        positions = {url: engine.order.index((url, name)) for url, name in ((CLUSTER, CLUSTER_WEB), (ROUTES, "9080"))}
        assert positions[CLUSTER] < positions[ROUTES], "clusters come before the routes that use them"
        session = next(iter(cluster.plane.pusher.streams.values())).session
        await until(lambda: all(one.error is None for one in session.subscriptions.values()))
        assert xds.state is State.STREAMING
        snapshot.save()
        offline = RecordingEngine()
        restored = xds_client(proxy.discovery, offline, proxy.node_id, snapshot=Snapshot(tmp_path, proxy.node_id))
        assert restored.restore() > 0
        assert offline.applied[CLUSTER] == engine.applied[CLUSTER]
        assert restored.applied.is_set()
    finally:
        running.cancel()


@pytest.mark.integration
async def test_a_refusal_reaches_the_control_plane(cluster: Any) -> None:
    proxy = await cluster.proxy(await cluster.pod("web", app="web"))
    await proxy.identify()
    engine = RecordingEngine()
    engine.refuse = {"virtualInbound": Refusal("filter_chains[0].filters", "unsupported")}
    xds = xds_client(proxy.discovery, engine, proxy.node_id)
    running = asyncio.create_task(xds.run())
    try:
        await until(lambda: LISTENER in xds.refusals)
        [stream] = cluster.plane.pusher.streams.values()
        await until(lambda: stream.session.subscriptions[LISTENER].error)
        error = stream.session.subscriptions[LISTENER].error
        assert (error.path, error.reason) == ("filter_chains[0].filters", "unsupported in virtualInbound")
        assert "virtualOutbound" in engine.applied[LISTENER], "the good ones are in force"
    finally:
        running.cancel()


class FakeStream:
    """A peer that says `lines`, then ends as `ending` says; keeps what it was told."""

    def __init__(self, lines: list[bytes], ending: Exception | None) -> None:
        self._lines = lines
        self._ending = ending
        self.sent: list[dict[str, Any]] = []

    async def send(self, line: bytes) -> None:
        self.sent.append(json.loads(line))

    async def lines(self) -> AsyncIterator[bytes]:
        for line in self._lines:
            yield line
            await asyncio.sleep(0)
        if self._ending is not None:
            raise self._ending

    def close(self) -> None:
        pass


class FakeDiscovery:
    def __init__(self, *streams: FakeStream) -> None:
        self.streams = list(streams)
        self.dialled = 0

    async def duplex(self, path: str) -> FakeStream:
        self.dialled += 1
        if self.dialled > len(self.streams):
            raise DiscoveryError("refused")
        return self.streams[self.dialled - 1]


def line(type_url: str, nonce: str, *names: str, removed: tuple[str, ...] = ()) -> bytes:
    resources = [{"name": name, "version": f"v-{name}", "resource": {"name": name}} for name in names]
    body = {"type_url": type_url, "nonce": nonce, "resources": resources, "removed_resources": removed}
    return json.dumps(body).encode()


async def test_reconnects_with_what_it_holds_and_survives_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT_FIRST_S", 0.001)
    first = FakeStream([line(CLUSTER, "1", "a", "b"), line(CLUSTER, "2", removed=("b",)), b"garbage"], None)
    second = FakeStream([], DiscoveryError("reset"))
    discovery = FakeDiscovery(first, second)
    engine = RecordingEngine()
    client = xds_client(discovery, engine, "n")  # type: ignore[arg-type]
    running = asyncio.create_task(client.run())
    await until(lambda: discovery.dialled >= 4)
    running.cancel()
    assert [sent.get("response_nonce") for sent in first.sent if "response_nonce" in sent] == ["1", "2"]
    assert second.sent[0]["initial_resource_versions"] == {"a": "v-a"}
    assert engine.applied[CLUSTER] == {"a": {"name": "a"}}


async def test_name_table_needs_its_shape() -> None:
    stream = FakeStream([line(NAME_TABLE, "1", "NameTable")], None)
    client = xds_client(FakeDiscovery(stream), RecordingEngine(), "n")  # type: ignore[arg-type]
    running = asyncio.create_task(client.run())
    await until(lambda: any("error_detail" in sent for sent in stream.sent))
    running.cancel()
    assert stream.sent[-1]["error_detail"]["message"].startswith("table: a mapping")


async def test_new_references_are_asked_for() -> None:
    gate = asyncio.Event()

    class Open(FakeStream):
        async def lines(self) -> AsyncIterator[bytes]:
            yield line(CLUSTER, "1", "a")
            await gate.wait()

    stream = Open([], None)
    engine = RecordingEngine()
    client = xds_client(FakeDiscovery(stream), engine, "n")  # type: ignore[arg-type]
    running = asyncio.create_task(client.run())
    await until(lambda: any("response_nonce" in sent for sent in stream.sent))
    engine.wanted = {ENDPOINTS: {"a"}}
    client.subscriptions_changed()
    await until(lambda: stream.sent[-1] == {"type_url": ENDPOINTS, "resource_names_subscribe": ["a"]})
    running.cancel()


@pytest.mark.parametrize(("state", "event"), itertools.product(State, Event))
def test_no_event_leaves_the_table(state: State, event: Event) -> None:
    following = TRANSITIONS[state].get(event, state)
    assert following in TRANSITIONS
    assert TRANSITIONS[state].get(Event.STOP) is State.STOPPED
    assert state is not State.STOPPED or following is State.STOPPED
