"""Sockets out of a pod."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from sidecar.net import sandbox
from sidecar.net.sandbox import Shim
from tests.sidecar.net.shims import FakeShim


def test_listen(tmp_path: Path) -> None:
    shim = FakeShim(tmp_path / "s")
    with sandbox.listen(shim.path, "127.0.0.1", 0) as sock:
        socket.create_connection(sock.getsockname()).close()
    with pytest.raises(OSError, match="not here"):
        sandbox.listen(shim.path, "127.0.0.1", 1)
    assert shim.verbs[0] == {"verb": "listen", "address": "127.0.0.1", "port": 0, "type": "stream"}
    shim.close()


async def test_sockets_come_in_order_and_breaks_are_told(tmp_path: Path) -> None:
    fake = FakeShim(tmp_path / "s")
    loop = asyncio.get_running_loop()
    shim = Shim(loop, fake.path)
    answers: asyncio.Queue[socket.socket | str] = asyncio.Queue()
    for _ in range(3):
        shim.ask(answers.put_nowait)
    for _ in range(3):
        given = await asyncio.wait_for(answers.get(), 5)
        assert isinstance(given, socket.socket)
        given.close()
    shim.ask(answers.put_nowait)
    shim.close()
    assert await asyncio.wait_for(answers.get(), 5) == "sandbox closed"
    absent = Shim(loop, str(tmp_path / "absent"))
    absent.ask(answers.put_nowait)
    assert "No such file" in str(await asyncio.wait_for(answers.get(), 5))
    fake.close()
