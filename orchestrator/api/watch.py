"""Watches: one committed change, encoded once for each representation, put on the bounded queue of each watcher.

A watcher that does not keep up is cut off with an error event; nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from mesh.kube.errors import ApiError
from mesh.kube.objects import Object
from mesh.kube.selectors import Predicate
from orchestrator.api.errors import expired, failure
from orchestrator.store.base import Change, Compacted, Record, Store

QUEUE_EVENTS_MAX = 8192
WATCHERS_MAX = 10_000
BOOKMARK_INTERVAL_S = 60.0


class Form(Protocol):
    """A representation of objects in watch events; equal `key` means equal bytes."""

    @property
    def key(self) -> str: ...

    def event(self, event_type: str, record: Record) -> Any: ...


class Delivery:
    """A change on its way to the watchers: decoded and encoded at most once for each need."""

    __slots__ = ("_encoded", "_object", "_previous", "change")

    def __init__(self, change: Change) -> None:
        self.change = change
        self._object: Object | None = None
        self._previous: Object | None = None
        self._encoded: dict[tuple[str, str], Any] = {}

    def matches(self, predicate: Predicate) -> bool:
        if self._object is None:
            self._object = self.change.record.object()
        return predicate(self._object)

    def matched(self, predicate: Predicate) -> bool:
        """Whether the state before the change matched."""
        if self.change.previous is None:
            return False
        if self._previous is None:
            self._previous = self.change.previous.object()
        return predicate(self._previous)

    def encoded(self, form: Form, event_type: str) -> Any:
        key = (form.key, event_type)
        if key not in self._encoded:
            self._encoded[key] = form.event(event_type, self.change.record)
        return self._encoded[key]


class Watcher:
    """One stream of events. `get_batch` waits for what is new; it raises `ApiError` when the watcher was cut off."""

    def __init__(self, *, resource: str, namespace: str, name: str, predicate: Predicate | None, form: Form) -> None:
        self.resource = resource
        self.namespace = namespace
        self.name = name
        self.predicate = predicate
        self.form = form
        self.since = 0
        self._queue: deque[Any] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._failure: ApiError | None = None

    def offer(self, delivery: Delivery) -> None:
        change = delivery.change
        key = change.record.key
        if change.revision <= self.since or self._failure is not None:
            return
        if (self.namespace and key.namespace != self.namespace) or (self.name and key.name != self.name):
            return
        event_type: str = change.type
        if self.predicate is not None:
            event_type = _seen_as(change.type, delivery, self.predicate)
            if not event_type:
                return
        self._push(delivery.encoded(self.form, event_type))

    def push(self, event: Any) -> None:
        """Put an event of the server itself (initial state, bookmark) on the queue, whatever its length."""
        self._queue.append(event)
        self._notify()

    def _push(self, event: Any) -> None:
        if len(self._queue) >= QUEUE_EVENTS_MAX:
            self._queue.clear()
            self._failure = expired("the client did not read its watch fast enough")
        else:
            self._queue.append(event)
        self._notify()

    def end(self, reason: ApiError) -> None:
        self._failure = self._failure or reason
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def get_batch(self, timeout_s: float | None = None) -> list[Any]:
        """Everything that is queued, at least one event; an empty list after `timeout_s` without any."""
        if not self._queue:
            if self._failure is not None:
                raise self._failure
            self._wake = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout_s):  # wait_for of Python 3.11 may swallow a cancellation
                    await self._wake
            except TimeoutError:
                return []
            finally:
                self._wake = None
            if not self._queue and self._failure is not None:
                raise self._failure
        batch = list(self._queue)
        self._queue.clear()
        return batch


def _seen_as(change_type: str, delivery: Delivery, predicate: Predicate) -> str:
    """What a change means to a watcher with a selector: entering is ADDED, leaving is DELETED, "" is nothing."""
    before = delivery.matched(predicate)
    now = change_type != "DELETED" and delivery.matches(predicate)
    if now:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else ""


class WatchHub:
    """All watchers of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watchers: dict[str, set[Watcher]] = {}
        self._count = 0
        self._unsubscribe = store.subscribe(self._changed)

    def _changed(self, change: Change) -> None:
        watchers = self._watchers.get(change.record.key.resource)
        if watchers:
            delivery = Delivery(change)
            for watcher in tuple(watchers):
                watcher.offer(delivery)

    def resume(self, watcher: Watcher, revision: int) -> None:
        """Start with the changes after `revision`; 410 when the window has passed it."""
        self._add(watcher)
        watcher.since = revision
        try:
            missed = self._store.changes_since(watcher.resource, revision)
        except Compacted as failure:
            self.remove(watcher)
            raise expired(str(failure)) from failure
        for change in missed:
            watcher.offer(Delivery(change))

    async def begin(self, watcher: Watcher) -> int:
        """Start with the current state as ADDED events; returns the revision of that state."""
        self._add(watcher)
        # What is committed while we list is in the list or after its revision, never both.
        held: list[Change] = []
        watcher.since = 2**63
        stop = self._store.subscribe(held.append)
        try:
            page = await self._store.scan(watcher.resource, watcher.namespace)
        finally:
            stop()
        for record in page.records:
            if watcher.name and record.key.name != watcher.name:
                continue
            if watcher.predicate is None or watcher.predicate(record.object()):
                watcher.push(watcher.form.event("ADDED", record))
        watcher.since = page.revision
        for change in held:
            if change.record.key.resource == watcher.resource:
                watcher.offer(Delivery(change))
        return page.revision

    def _add(self, watcher: Watcher) -> None:
        if self._count >= WATCHERS_MAX:
            raise failure(429, f"too many watches: at most {WATCHERS_MAX} are served")
        self._watchers.setdefault(watcher.resource, set()).add(watcher)
        self._count += 1

    def remove(self, watcher: Watcher) -> None:
        watchers = self._watchers.get(watcher.resource, set())
        if watcher in watchers:
            watchers.remove(watcher)
            self._count -= 1

    def end_all(self, reason: ApiError) -> None:
        self._unsubscribe()
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end(reason)

    def watchers(self) -> Iterable[Watcher]:
        return (watcher for watchers in self._watchers.values() for watcher in watchers)


Convert = Callable[[Object], Object]


class ObjectForm:
    """Events as (type, record): clients in the same process decode their own copy."""

    key = "object"

    def event(self, event_type: str, record: Record) -> tuple[str, Record]:
        return event_type, record


class JsonForm:
    """Events as the API writes them on the wire, one line of JSON each."""

    def __init__(self, api_version: str, convert: Convert | None) -> None:
        self.key = f"json {api_version}"
        self._convert = convert

    def event(self, event_type: str, record: Record) -> bytes:
        value = record.value if self._convert is None else msgspec.json.encode(self._convert(record.object()))
        return b'{"type":"' + event_type.encode() + b'","object":' + value + b"}\n"


def bookmark(api_version: str, kind: str, revision: int, *, initial_end: bool = False) -> bytes:
    return msgspec.json.encode(
        {"type": "BOOKMARK", "object": bookmark_object(api_version, kind, revision, initial_end=initial_end)}
    ) + (b"\n")


def bookmark_object(api_version: str, kind: str, revision: int, *, initial_end: bool = False) -> Object:
    meta: dict[str, Any] = {"resourceVersion": str(revision), "creationTimestamp": None}
    if initial_end:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"kind": kind, "apiVersion": api_version, "metadata": meta}
