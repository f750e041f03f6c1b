"""The SQLite store against a model, across restarts, crashes and damage."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.store.base import Compacted, Conflict, Record, StoreCorrupt, StoreKey, StoreLocked
from orchestrator.store.memory import Memory
from orchestrator.store.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[3]
PODS = "/pods"


def key(name: str) -> StoreKey:
    return StoreKey(PODS, "ns", name)


async def test_compare_and_set(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    first = await store.put(key("a"), {"v": 1}, expected=0)
    assert isinstance(first, Record)
    assert isinstance(await store.put(key("a"), {"v": 2}, expected=0), Conflict)
    second = await store.put(key("a"), {"v": 2}, expected=first.revision)
    assert isinstance(second, Record)
    stale = await store.delete(key("a"), {}, expected=first.revision)
    assert isinstance(stale, Conflict)
    assert stale.current is second
    assert isinstance(await store.delete(key("a"), {"v": 2}, expected=second.revision), Record)
    assert await store.get(key("a")) is None
    assert isinstance(await store.delete(key("a"), {}, expected=3), Conflict)
    assert store.revision == 3
    await store.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "stale", "restart", "crash"]), st.sampled_from("abc"), st.integers(0, 9)
    ),
    max_size=40,
)


@settings(max_examples=40)
@given(STEPS)
def test_against_a_model(steps: list[tuple[str, str, int]]) -> None:
    """Whatever happens, the store holds what was acknowledged, and revisions only grow."""
    asyncio.run(play(steps))


async def play(steps: list[tuple[str, str, int]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"

        def opened() -> SqliteStore:
            return SqliteStore(path, memory=Memory(changes_max=5))

        store, model, revision = opened(), {}, 0
        for what, name, value in steps:
            current = await store.get(key(name))
            at = current.revision if current else 0
            if what == "put":
                written = await store.put(key(name), {"v": value}, expected=at)
                assert isinstance(written, Record)
                assert written.revision > revision
                model[name], revision = value, written.revision
            elif what == "delete" and current:
                assert isinstance(await store.delete(key(name), current.object(), expected=at), Record)
                del model[name]
                revision = store.revision
            elif what == "stale":
                assert isinstance(await store.put(key(name), {"v": value}, expected=at + 1), Conflict)
            elif what == "restart":
                await store.close()
                store = opened()
            elif what == "crash":
                # The lock and the connection go away, nothing is tidied.
                store._database.close()
                os.close(store._lock)
                store = opened()
            page = await store.scan(PODS)
            assert {record.key.name: record.object()["v"] for record in page.records} == model
            assert store.revision == revision
        await store.close()


async def test_watches_resume_after_a_restart_within_the_window(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path, memory=Memory(changes_max=4))
    for number in range(600):
        await store.put(key(f"p{number}"), {"n": number}, expected=0)
    assert [change.revision for change in store.changes_since(PODS, 597)] == [598, 599, 600]
    await store.close()
    store = SqliteStore(path, memory=Memory(changes_max=4))
    assert [change.revision for change in store.changes_since(PODS, 597)] == [598, 599, 600]
    with pytest.raises(Compacted):
        store.changes_since(PODS, 10)
    assert len((await store.scan(PODS)).records) == 600
    await store.close()


async def test_replaced_versions_leave_the_disk(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", memory=Memory(changes_max=10))
    at = 0
    for number in range(3000):
        written = await store.put(key("a"), {"n": number}, expected=at)
        assert isinstance(written, Record)
        at = written.revision
    (rows,) = store._database.execute("SELECT count(*) FROM versions").fetchone()
    assert rows < 600
    await store.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from orchestrator.store.base import StoreKey
from orchestrator.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    for number in range(10**6):
        await store.put(StoreKey("/pods", "ns", f"p{number}"), {"n": number}, expected=0)
        sys.stdout.write(f"{number}\\n"); sys.stdout.flush()

asyncio.run(main())
"""


async def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(500):
            assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        acknowledged = 499 + len(writer.stdout.read().splitlines())
    store = SqliteStore(path)
    assert len((await store.scan(PODS)).records) >= acknowledged
    await store.close()


async def test_one_server_a_home(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    with pytest.raises(StoreLocked):
        SqliteStore(tmp_path / "store.db")
    await store.close()
    await SqliteStore(tmp_path / "store.db").close()
    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"this is no database at all, not even close to one" * 50, b"SQLite format 3\0" + b"x" * 5000]
)
async def test_damage_is_refused_with_a_clear_word(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="restore it from a backup"):
        SqliteStore(path)
    path.unlink()
    await SqliteStore(path).close()


async def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    store._database.execute("PRAGMA user_version = 99")
    await store.close()
    with pytest.raises(StoreCorrupt, match="format 99"):
        SqliteStore(tmp_path / "store.db")
