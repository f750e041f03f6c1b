"""The embedded store: one SQLite file in WAL mode, one writer, every read from memory.

The file is a log of versions, one row a write: an object is its newest row, the window of changes is the newest rows,
and compaction removes rows that a newer one replaced once they leave the window.

Durability: with synchronous=NORMAL a commit is in the operating system's hands when it returns, so `kill -9` of the
process loses nothing that was acknowledged; a power cut may lose the last moments, never the file's consistency.
synchronous=FULL closes that too, for one fsync a write.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal

from mesh.kube.objects import Object
from mesh.kube.tasks import spawn
from orchestrator.store.base import (
    Change,
    ChangeType,
    Conflict,
    Page,
    Record,
    StoreCorrupt,
    StoreKey,
    StoreLocked,
    Subscriber,
    encode_at,
)
from orchestrator.store.memory import Memory

APPLICATION_ID = 0x504D5301
SCHEMA_VERSION = 1
COMPACT_BATCH = 512
"""Versions that expired are removed from disk in batches: one transaction for that many writes."""
CHECKPOINT_WRITES = 2000
_SCHEMA = """
CREATE TABLE versions (
  revision INTEGER PRIMARY KEY, type TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL,
  name TEXT NOT NULL, value BLOB NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO facts VALUES ('compacted', 0);
"""
_INSERT = "INSERT INTO versions (revision, type, resource, namespace, name, value) VALUES (?, ?, ?, ?, ?, ?)"


class SqliteStore:
    """Implements `Store`. Open with `SqliteStore(path)`; a second process gets `StoreLocked`."""

    def __init__(
        self, path: Path, *, synchronous: Literal["NORMAL", "FULL"] = "NORMAL", memory: Memory | None = None
    ) -> None:
        self._path = path
        self._memory = memory or Memory()
        self._expired: list[tuple[int]] = []
        self._writes_to_checkpoint = CHECKPOINT_WRITES
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(path.with_name(path.name + ".lock"))
        try:
            self._database = _open(path, synchronous)
            self._load()
        except StoreCorrupt:
            os.close(self._lock)
            raise
        except sqlite3.DatabaseError as failure:
            os.close(self._lock)
            raise StoreCorrupt(
                f"{path} cannot be read ({failure}): restore it from a backup, or move it away to start empty"
            ) from failure

    def _load(self) -> None:
        (compacted,) = self._database.execute("SELECT value FROM facts WHERE name = 'compacted'").fetchone()
        memory = self._memory
        rows = self._database.execute(
            "SELECT revision, type, resource, namespace, name, value FROM versions ORDER BY revision"
        )
        for revision, change_type, resource, namespace, name, value in rows:
            record = Record(StoreKey(resource, namespace, name), revision, value)
            change = Change(change_type, record, memory.get(record.key))
            memory.load(change, in_window=revision > compacted)
        memory.compacted = compacted
        # A last write that was a compacted deletion leaves no row, and its revision must not be given out again.
        memory.revision = max(memory.revision, compacted)

    @property
    def revision(self) -> int:
        return self._memory.revision

    async def get(self, key: StoreKey) -> Record | None:
        return self._memory.get(key)

    async def scan(
        self,
        resource: str,
        namespace: str = "",
        *,
        limit: int = 0,
        after: tuple[str, str] | None = None,
        revision: int | None = None,
    ) -> Page:
        return self._memory.scan(resource, namespace, limit=limit, after=after, revision=revision)

    async def put(self, key: StoreKey, obj: Object, *, expected: int) -> Record | Conflict:
        current = self._memory.get(key)
        if (current.revision if current else 0) != expected:
            return Conflict(current)
        return self._commit("MODIFIED" if current else "ADDED", key, obj, current)

    async def delete(self, key: StoreKey, obj: Object, *, expected: int) -> Record | Conflict:
        current = self._memory.get(key)
        if current is None or current.revision != expected:
            return Conflict(current)
        return self._commit("DELETED", key, obj, current)

    def _commit(self, change_type: ChangeType, key: StoreKey, obj: Object, current: Record | None) -> Record:
        revision = self._memory.revision + 1
        record = Record(key, revision, encode_at(obj, revision))
        self._database.execute(_INSERT, (revision, change_type, *key, record.value))
        self._memory.apply(Change(change_type, record, current))
        self._expire()
        return record

    def _expire(self) -> None:
        for change in self._memory.expire():
            if change.previous is not None:
                self._expired.append((change.previous.revision,))
            if change.type == "DELETED":
                self._expired.append((change.revision,))
        if len(self._expired) >= COMPACT_BATCH:
            self._compact()
        self._writes_to_checkpoint -= 1
        if self._writes_to_checkpoint <= 0:
            self._writes_to_checkpoint = CHECKPOINT_WRITES
            spawn(asyncio.to_thread(_checkpoint, self._path), name="store-checkpoint")

    def _compact(self) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("DELETE FROM versions WHERE revision = ?", self._expired)
        self._database.execute("UPDATE facts SET value = ? WHERE name = 'compacted'", (self._memory.compacted,))
        self._database.execute("COMMIT")
        self._expired.clear()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        return self._memory.subscribe(subscriber)

    def changes_since(self, resource: str, revision: int) -> list[Change]:
        return self._memory.changes_since(resource, revision)

    async def close(self) -> None:
        if self._lock < 0:
            return
        self._compact()
        self._database.close()
        os.close(self._lock)
        self._lock = -1


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as failure:
        os.close(descriptor)
        raise StoreLocked(f"{path.name} is held: another orchestrator serves this home") from failure
    return descriptor


def _open(path: Path, synchronous: str) -> sqlite3.Connection:
    fresh = not path.exists()
    if fresh:
        path.touch(mode=0o600)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    # Checkpoints copy pages and fsync: a thread with its own connection does that.
    database.execute("PRAGMA wal_autocheckpoint = 0")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == 0:
        identity = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        database.executescript(f"BEGIN; {_SCHEMA} {identity} COMMIT;")
    elif version != SCHEMA_VERSION:
        database.close()
        raise StoreCorrupt(f"{path} has format {version}, this program reads {SCHEMA_VERSION}")
    return database


def _checkpoint(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")
