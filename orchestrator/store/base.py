"""What the API server needs of a store: compare-and-set writes, ordered reads, and every change in order.

The revision is global and grows with each write; it is the resourceVersion of objects, lists and watches. The methods
are coroutines so that a store across a network fits; the embedded one never suspends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from mesh.kube.objects import Object

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class StoreKey(NamedTuple):
    """`resource` is group/plural without a version: all versions of a kind are one storage."""

    resource: str
    namespace: str
    name: str


class Record:
    """One stored version of an object; `value` is its JSON, with metadata.resourceVersion equal to `revision`."""

    __slots__ = ("key", "revision", "value")

    def __init__(self, key: StoreKey, revision: int, value: bytes) -> None:
        self.key = key
        self.revision = revision
        self.value = value

    def object(self) -> Object:
        """A fresh copy: the caller may change it."""
        decoded: Object = _decode(self.value)
        return decoded


ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class Change:
    """One write. `previous` is what it replaced; a deletion's `record` is the last state at the deletion's revision."""

    __slots__ = ("previous", "record", "type")

    def __init__(self, kind: ChangeType, record: Record, previous: Record | None) -> None:
        self.type: ChangeType = kind
        self.record = record
        self.previous = previous

    @property
    def revision(self) -> int:
        return self.record.revision


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list, ordered by (namespace, name), all of it as of `revision`. `remaining` counts what follows."""

    records: Sequence[Record]
    revision: int
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """A write that was not made: `current` is what is stored instead of what the writer expected."""

    current: Record | None


class Compacted(Exception):
    """The revision asked for is older than the window of changes."""


class StoreCorrupt(Exception):
    """The data on disk cannot be trusted; the message says what to do."""


class StoreLocked(Exception):
    """Another process serves this data."""


Subscriber = Callable[[Change], None]


class Store(Protocol):
    @property
    def revision(self) -> int:
        """The newest revision written."""
        ...

    async def get(self, key: StoreKey) -> Record | None: ...

    async def scan(
        self,
        resource: str,
        namespace: str = "",
        *,
        limit: int = 0,
        after: tuple[str, str] | None = None,
        revision: int | None = None,
    ) -> Page:
        """Objects of one resource; `after` is the (namespace, name) where the page before ended, `revision` the
        one to read at (`Compacted` when it left the window)."""
        ...

    async def put(self, key: StoreKey, obj: Object, *, expected: int) -> Record | Conflict:
        """Write if the stored revision is `expected` (0: nothing stored); sets metadata.resourceVersion in `obj`."""
        ...

    async def delete(self, key: StoreKey, obj: Object, *, expected: int) -> Record | Conflict:
        """Remove if the stored revision is `expected`; `obj` is the last state that watchers are told."""
        ...

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call for each change after its commit, in order; the returned function ends it."""
        ...

    def changes_since(self, resource: str, revision: int) -> list[Change]:
        """Changes of one resource after `revision`; `Compacted` when some of them left the window."""
        ...

    async def close(self) -> None: ...


def encode_at(obj: Object, revision: int) -> bytes:
    """The stored form of `obj` at `revision`; writes the resourceVersion into `obj` as well."""
    meta: dict[str, Any] = obj.setdefault("metadata", {})
    meta["resourceVersion"] = str(revision)
    return _encode(obj)
