"""The configuration stream: DeltaDiscoveryRequest and Response as JSON lines over one duplex exchange.

Pure bookkeeping is in `subscriptions.py`; here are the stream, its life, and the order of things: apply, answer, then
ask for what the new resources refer to. A response with one refused resource is NACKed with the field's path; the
good ones are in force, the refused one keeps its last good version (Envoy's behaviour).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any, Protocol

import msgspec

from sidecar.config.refusal import Refusal
from sidecar.control.backoff import Backoff
from sidecar.control.discovery import Discovery, DiscoveryError, Duplex
from sidecar.control.snapshot import Snapshot
from sidecar.control.subscriptions import NAME_TABLE, WILDCARD_TYPES, Response, Subscriptions
from sidecar.net.tasks import spawn

log = logging.getLogger(__name__)

RECONNECT_FIRST_S = 0.05
RECONNECT_MAX_S = 5.0
STABLE_AFTER_S = 10.0
"""A stream that lived this long was a success: the next reconnect is quick again."""


class State(Enum):
    OFFLINE = auto()
    CONNECTING = auto()
    STREAMING = auto()
    STOPPED = auto()


class Event(Enum):
    DIAL = auto()
    OPENED = auto()
    BROKE = auto()
    STOP = auto()


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.OFFLINE: {Event.DIAL: State.CONNECTING, Event.STOP: State.STOPPED},
    State.CONNECTING: {Event.OPENED: State.STREAMING, Event.BROKE: State.OFFLINE, Event.STOP: State.STOPPED},
    State.STREAMING: {Event.BROKE: State.OFFLINE, Event.STOP: State.STOPPED},
    State.STOPPED: {Event.STOP: State.STOPPED},
}


class Configurable(Protocol):
    """The engine, as the stream sees it."""

    def apply(self, type_url: str, name: str, resource: dict[str, Any], /) -> Refusal | None: ...

    def remove(self, type_url: str, name: str, /) -> None: ...

    def subscriptions(self) -> Mapping[str, set[str]]: ...


class XdsClient:
    """`names` receives the name table; everything else goes to `engine`."""

    def __init__(
        self,
        discovery: Discovery,
        engine: Configurable,
        *,
        node: Mapping[str, Any],
        names: Callable[[Mapping[str, Any]], None],
        rng: random.Random,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.state = State.OFFLINE
        self.applied = asyncio.Event()
        """Set once the first listeners and clusters are in force, from the stream or from the disk."""
        self.subscriptions = Subscriptions(node)
        self.refusals: dict[str, str] = {}
        """type URL -> reason of the last NACK still standing."""
        self._discovery = discovery
        self._engine = engine
        self._names = names
        self._rng = rng
        self._snapshot = snapshot
        self._stream: Duplex | None = None
        self._wake = asyncio.Event()

    def restore(self) -> int:
        """Apply the last good configuration from the disk; how many resources it had."""
        if self._snapshot is None:
            return 0
        count = 0
        for response in self._snapshot.load():
            refusals = self._apply(response)
            count += len(response.resources)
            for name, refusal in refusals:
                log.warning("last good configuration: %s %s: %s", name, refusal.path, refusal.reason)
        return count

    async def run(self) -> None:
        """Connect, stream, and connect again until cancelled."""
        backoff = Backoff(self._rng, first_s=RECONNECT_FIRST_S, max_s=RECONNECT_MAX_S)
        loop = asyncio.get_running_loop()
        while True:
            self._step(Event.DIAL)
            began = loop.time()
            try:
                await self._converse()
            except DiscoveryError as error:
                log.warning("configuration stream: %s", error)
            finally:
                self._step(Event.BROKE)
            if loop.time() - began > STABLE_AFTER_S:
                backoff.succeeded()
            await asyncio.sleep(backoff.failed())

    def stop(self) -> None:
        self._step(Event.STOP)
        if self._stream is not None:
            self._stream.close()

    def subscriptions_changed(self) -> None:
        """The engine refers to other names than before; asked after what is being applied now is answered."""
        self._wake.set()

    def describe(self) -> str:
        held = {url.rpartition(".")[2]: len(names) for url, names in self.subscriptions.held.items()}
        return f"xds {self.state.name} {held}"

    def _step(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state].get(event, self.state)

    async def _converse(self) -> None:
        self._stream = stream = await self._discovery.duplex("/v3/ads")
        self._step(Event.OPENED)
        asking: asyncio.Task[None] | None = None
        try:
            wanted = self._engine.subscriptions()
            for line in self.subscriptions.open(wanted):
                await stream.send(line)
            asking = spawn(self._ask(stream), name="xds-subscriptions")
            async for line in stream.lines():
                await self._receive(stream, line)
        except (OSError, msgspec.DecodeError) as error:
            raise DiscoveryError(str(error)) from None
        finally:
            if asking is not None:
                asking.cancel()
            stream.close()
            self._stream = None

    async def _receive(self, stream: Duplex, line: bytes) -> None:
        response = msgspec.json.decode(line, type=Response)
        refusals = self._apply(response)
        kind = response.type_url.rpartition(".")[2]
        if refusals:
            name, refusal = refusals[0]
            more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
            reason = f"{refusal.path}: {refusal.reason} in {name}{more}"
            self.refusals[response.type_url] = reason
            log.warning("NACK %s %s: %s", kind, response.nonce, reason)
        else:
            reason = ""
            self.refusals.pop(response.type_url, None)
            log.debug("ACK %s %s: %d resources", kind, response.nonce, len(response.resources))
        await stream.send(self.subscriptions.answer(response, reason))
        self._wake.set()
        if self._snapshot is not None:
            self._snapshot.changed()

    def _apply(self, response: Response) -> list[tuple[str, Refusal]]:
        """Put a response in force; what was refused, by name."""
        refusals = []
        for entry in response.resources:
            refusal = self._apply_one(response.type_url, entry.name, bytes(entry.resource))
            if refusal is None:
                self.subscriptions.hold(response.type_url, entry)
            else:
                refusals.append((entry.name, refusal))
        for name in response.removed_resources:
            self.subscriptions.forget(response.type_url, name)
            if response.type_url == NAME_TABLE:
                self._names({})
            else:
                self._engine.remove(response.type_url, name)
        self.subscriptions.received.add(response.type_url)
        if all(url in self.subscriptions.received for url in WILDCARD_TYPES if url != NAME_TABLE):
            self.applied.set()
        return refusals

    def _apply_one(self, type_url: str, name: str, encoded: bytes) -> Refusal | None:
        resource = msgspec.json.decode(encoded)
        if type_url != NAME_TABLE:
            try:
                return self._engine.apply(type_url, name, resource)
            except Exception:  # a bug in one resource's compilation must not cut this proxy off from all others
                log.exception("%s %s", type_url, name)
                return Refusal("", "internal error, see the proxy's log")
        table = resource.get("table") if isinstance(resource, dict) else None
        if not isinstance(table, dict):
            return Refusal("table", "a mapping of names is required")
        self._names(table)
        return None

    async def _ask(self, stream: Duplex) -> None:
        """Send what changed in the engine's subscriptions, whenever something may have."""
        with contextlib.suppress(OSError):  # the reader of the same stream reports it
            while True:
                await self._wake.wait()
                self._wake.clear()
                for line in self.subscriptions.follow(self._engine.subscriptions()):
                    await stream.send(line)
