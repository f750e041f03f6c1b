"""Socket pairs on the running loop, and a handler that writes down what it is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from sidecar.net.connection import Connection
from sidecar.net.dispatcher import Dispatcher

WAIT_S = 5.0


class Notes:
    """A `Handler` that keeps everything."""

    def __init__(self) -> None:
        self.data = b""
        self.events: list[str] = []
        self._changed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._changed.set()

    def eof_received(self) -> None:
        self._note("eof")

    def connection_lost(self, reason: str) -> None:
        self._note(f"lost {reason}")

    def writing_paused(self) -> None:
        self._note("paused")

    def writing_resumed(self) -> None:
        self._note("resumed")

    def _note(self, event: str) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


def pair(dispatcher: Dispatcher) -> tuple[Connection, Notes, socket.socket]:
    """A started connection with its notes, and the other end as a blocking socket."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(WAIT_S)
    notes = Notes()
    connection = Connection(dispatcher, ours, notes)
    connection.start()
    return connection, notes, theirs
