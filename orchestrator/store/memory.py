"""The current objects and the window of recent changes, in memory: what every read is answered from.

Durability is the owner's business; this module only keeps order. Lists at an older revision are the current ones with
the window's changes undone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable

from orchestrator.store.base import Change, Compacted, Page, Record, StoreKey, Subscriber

WINDOW_CHANGES_MAX = 10_000
WINDOW_BYTES_MAX = 16 * 1024 * 1024

_Name = tuple[str, str]


class _Resource:
    __slots__ = ("names", "records")

    def __init__(self) -> None:
        self.names: list[_Name] = []
        self.records: dict[_Name, Record] = {}


class Memory:
    """`compacted` is the oldest revision that a watch may resume from."""

    def __init__(self, *, changes_max: int = WINDOW_CHANGES_MAX, bytes_max: int = WINDOW_BYTES_MAX) -> None:
        self.revision = 0
        self.compacted = 0
        self._resources: dict[str, _Resource] = {}
        self._window: deque[Change] = deque()
        self._window_bytes = 0
        self._changes_max = changes_max
        self._bytes_max = bytes_max
        self._subscribers: list[Subscriber] = []

    def get(self, key: StoreKey) -> Record | None:
        found = self._resources.get(key.resource)
        return found.records.get((key.namespace, key.name)) if found else None

    def apply(self, change: Change) -> None:
        """Take in a change that is committed and tell the subscribers."""
        self.load(change)
        for subscriber in tuple(self._subscribers):
            subscriber(change)

    def load(self, change: Change, *, in_window: bool = True) -> None:
        record = change.record
        resource = self._resources.setdefault(record.key.resource, _Resource())
        name = (record.key.namespace, record.key.name)
        if change.type == "DELETED":
            if resource.records.pop(name, None) is not None:
                del resource.names[bisect_left(resource.names, name)]
        else:
            if name not in resource.records:
                insort(resource.names, name)
            resource.records[name] = record
        self.revision = max(self.revision, record.revision)
        if in_window:
            self._window.append(change)
            self._window_bytes += _weight(change)

    def expire(self) -> list[Change]:
        """Drop what exceeds the window, oldest first, and say what it was."""
        expired: list[Change] = []
        while len(self._window) > self._changes_max or self._window_bytes > self._bytes_max:
            change = self._window.popleft()
            self._window_bytes -= _weight(change)
            self.compacted = change.revision
            expired.append(change)
        return expired

    def scan(
        self,
        resource: str,
        namespace: str,
        *,
        limit: int,
        after: _Name | None,
        revision: int | None,
    ) -> Page:
        if revision is not None and revision < self.revision:
            names, records = self._as_of(resource, revision)
        else:
            found = self._resources.get(resource)
            names, records = (found.names, found.records) if found else ([], {})
            revision = self.revision
        low = bisect_left(names, (namespace, "")) if namespace else 0
        # "\0" sorts behind the namespace itself and before every other one.
        high = bisect_left(names, (namespace + "\0", "")) if namespace else len(names)
        if after is not None:
            low = max(low, bisect_right(names, after))
        end = min(high, low + limit) if limit else high
        return Page([records[name] for name in names[low:end]], revision, max(0, high - end))

    def _as_of(self, resource: str, revision: int) -> tuple[list[_Name], dict[_Name, Record]]:
        self._check(revision)
        found = self._resources.get(resource)
        records = dict(found.records) if found else {}
        for change in reversed(self._window):
            if change.revision <= revision:
                break
            if change.record.key.resource != resource:
                continue
            name = (change.record.key.namespace, change.record.key.name)
            if change.previous is None:
                records.pop(name, None)
            else:
                records[name] = change.previous
        return sorted(records), records

    def changes_since(self, resource: str, revision: int) -> list[Change]:
        self._check(revision)
        found: list[Change] = []
        for change in reversed(self._window):
            if change.revision <= revision:
                break
            if change.record.key.resource == resource:
                found.append(change)
        found.reverse()
        return found

    def _check(self, revision: int) -> None:
        if revision < self.compacted:
            raise Compacted(f"too old resource version: {revision} ({self.compacted})")

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe


def _weight(change: Change) -> int:
    return len(change.record.value)
