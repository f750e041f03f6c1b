"""From changes to pushes: one loop that builds the state, compiles it for each connected proxy and hands it over.

The loop never waits for a proxy. A stream that is slow simply has a newer target when it comes back for more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Protocol

from mesh.registry.model import Workload
from mesh.registry.state import MeshState
from mesh.translate.compile import compile_proxy
from mesh.xds.debounce import Debounce
from mesh.xds.node import Node
from mesh.xds.session import Session
from mesh.xds.snapshot import ResourceEncoder, Snapshot
from mesh.xds.source import StateSource

log = logging.getLogger(__name__)

POLLED_PROXIES_MAX = 1024
"""Snapshots kept for proxies that poll."""


class Stream(Protocol):
    """A connected proxy."""

    node: Node
    session: Session

    def target(self, snapshot: Snapshot) -> None: ...

    def close(self) -> None: ...


class Pusher:
    def __init__(self, source: StateSource, *, debounce: Debounce | None = None) -> None:
        self.streams: dict[str, Stream] = {}  # by node name
        self.generation = 0
        self._source = source
        self._debounce = debounce or Debounce()
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._encoder = ResourceEncoder()
        self._pushing = asyncio.Lock()  # an older push must not overtake a newer one
        self._version = ""
        self._polled: OrderedDict[str, Snapshot] = OrderedDict()
        source.on_change = self._on_change

    async def run(self) -> None:
        """Push until cancelled. A state that cannot be built is logged, the last one stays in force."""
        loop = asyncio.get_running_loop()
        while True:
            due = self._debounce.due()
            if due is None:
                self._changed.clear()
                await self._changed.wait()
            elif due > loop.time():
                await asyncio.sleep(due - loop.time())
            else:
                try:
                    await self.push()
                except Exception:
                    log.exception("the configuration could not be compiled, the last one stays")

    def _on_change(self) -> None:
        self._debounce.changed(asyncio.get_running_loop().time())
        self._changed.set()

    async def push(self) -> int:
        """Build, compile and hand out now; the new generation."""
        async with self._pushing:
            return await self._push()

    async def _push(self) -> int:
        self._debounce.done()
        state = self._source.build()
        self.generation += 1
        self._version = self._source.version
        self._encoder.next_generation()
        generation = self.generation
        for stream in list(self.streams.values()):
            self._retarget(stream, state)
            # Between two proxies everybody else gets a turn.
            await asyncio.sleep(0)
        log.debug("generation %d (version %s) for %d proxies", generation, self._version, len(self.streams))
        return generation

    def attach(self, stream: Stream) -> None:
        """The newest stream of a proxy replaces the one before: that one's connection is a corpse."""
        former = self.streams.pop(stream.node.name, None)
        if former is not None:
            former.close()
        self.streams[stream.node.name] = stream
        if self._source.state is not None:
            self._retarget(stream, self._source.state)

    def detach(self, stream: Stream) -> None:
        if self.streams.get(stream.node.name) is stream:
            del self.streams[stream.node.name]
        self.acknowledged()

    def acknowledged(self) -> None:
        """A stream made progress: whoever waits for that looks again."""
        self._settled.set()

    async def endpoints_level(self, generation: int) -> None:
        """Returns when every connected proxy has acknowledged the endpoints of `generation`."""
        while not all(_level(stream.session, generation) for stream in self.streams.values()):
            self._settled.clear()
            await self._settled.wait()

    def snapshot_of(self, workload: Workload) -> Snapshot | None:
        """The newest configuration of a proxy that polls, None = there is no state yet or it does not compile."""
        name = f"{workload.name}.{workload.namespace}"
        known = self._polled.get(name)
        if self._source.state is not None and (known is None or known.generation != self.generation):
            known = self._compile(self._source.state, workload) or known
        if known is not None:
            self._polled[name] = known
            self._polled.move_to_end(name)
        while len(self._polled) > POLLED_PROXIES_MAX:
            self._polled.popitem(last=False)
        return known

    def snapshots(self) -> Iterator[tuple[str, Snapshot]]:
        """By proxy name, of connected and polling proxies."""
        for name, stream in self.streams.items():
            if stream.session.snapshot is not None:
                yield name, stream.session.snapshot
        yield from ((name, snapshot) for name, snapshot in self._polled.items() if name not in self.streams)

    def status(self) -> list[dict[str, Any]]:
        """`proxy-status`: one entry per connected proxy."""
        return [
            {"proxy": stream.node.name, "type": stream.node.kind, **stream.session.status()}
            for _, stream in sorted(self.streams.items())
        ]

    def _retarget(self, stream: Stream, state: MeshState) -> None:
        workload = state.workloads.get(stream.node.key)
        if workload is None:
            # The pod is gone; its proxy keeps what it has while it drains.
            return
        snapshot = self._compile(state, workload)
        if snapshot is not None:
            stream.target(snapshot)

    def _compile(self, state: MeshState, workload: Workload) -> Snapshot | None:
        try:
            compiled = compile_proxy(state, workload)
        except Exception:
            log.exception("%s.%s: its configuration does not compile, the last one stays", *reversed(workload.key))
            return None
        return self._encoder.snapshot(compiled, version=self._version, generation=self.generation)


def _level(session: Session, generation: int) -> bool:
    """A proxy that this generation was not compiled for (its pod is gone) is not waited for."""
    snapshot = session.snapshot
    return snapshot is None or snapshot.generation < generation or session.endpoints_level(generation)
