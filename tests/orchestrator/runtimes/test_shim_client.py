"""Goal: every way a peer can fail is one kind of failure, in time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.kube.tasks import spawn
from orchestrator.runtimes import wire
from orchestrator.runtimes.base import RuntimeFailure
from orchestrator.runtimes.shim_client import ask, events, listener_pid


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    path = str(tmp_path / "s")
    with wire.listen(path) as listener:
        listener.setblocking(False)
        yield path, listener


async def accepted(listener: socket.socket) -> socket.socket:
    connection, _ = await asyncio.get_running_loop().sock_accept(listener)
    connection.setblocking(True)
    return connection


async def test_answers_refusals_and_ends(peer) -> None:
    path, listener = peer
    asked = spawn(ask(path, {"verb": "x"}), name="ask")
    with await accepted(listener) as connection:
        assert wire.receive(connection) == ({"verb": "x"}, [])
        wire.send(connection, {"a": 1})
    assert await asked == ({"a": 1}, [])
    asked = spawn(ask(path, {}), name="ask")
    with await accepted(listener) as connection:
        wire.receive(connection)
        wire.send(connection, {"error": "no", "reason": "Why"})
    with pytest.raises(RuntimeFailure, match="no") as refused:
        await asked
    assert refused.value.reason == "Why"
    asked = spawn(ask(path, {}), name="ask")
    (await accepted(listener)).close()
    with pytest.raises(RuntimeFailure) as refused:
        await asked
    assert refused.value.reason == "SandboxGone"


async def test_nobody_there_and_nobody_answering(peer, tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="No such file"):
        await ask(str(tmp_path / "none"), {})
    with pytest.raises(RuntimeFailure, match="no answer"):
        await ask(peer[0], {}, timeout_s=0.05)


async def test_a_stream_of_events(peer) -> None:
    path, listener = peer
    found: list[int] = []

    async def follow() -> None:
        found.extend([event["n"] async for event in events(path, {"verb": "watch"})])

    following = spawn(follow(), name="follow")
    with await accepted(listener) as connection:
        wire.receive(connection)
        for number in range(3):
            wire.send(connection, {"n": number})
    await following
    assert found == [0, 1, 2]


def test_who_listens(peer) -> None:
    import os

    assert listener_pid(peer[0]) == os.getpid()
