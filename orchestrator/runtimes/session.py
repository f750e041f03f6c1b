"""A command with streams for a person: pipes or a pseudo-terminal, whose far side the shim hands to the command."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Mapping
from typing import Any

from orchestrator.runtimes import wire
from orchestrator.runtimes.shim_client import answer, begin

READ_BYTES = 32 << 10
END_OF_TRANSMISSION = b"\x04"
SIDE_MAX = 0xFFFF
"""The kernel's winsize has 16 bits for each side."""


class PipeSession:
    """Implements `orchestrator.runtimes.base.Session`; made by `start_session`."""

    def __init__(self, connection: socket.socket, path: str, ends: list[int]) -> None:
        self._connection = connection
        self._path = path
        self._open = set(ends)
        self.terminal = len(ends) == 1
        self.stdin, self.stdout = ends[0], ends[0] if self.terminal else ends[1]
        self.stderr = None if self.terminal else ends[2]

    def close_stdin(self) -> None:
        if self.terminal:
            with contextlib.suppress(OSError):
                os.write(self.stdin, END_OF_TRANSMISSION)
        elif self.stdin in self._open:
            self._open.discard(self.stdin)
            os.close(self.stdin)

    def resize(self, width: int, height: int) -> None:
        if self.terminal and self.stdin in self._open:
            size = struct.pack("HHHH", min(height, SIDE_MAX), min(width, SIDE_MAX), 0, 0)
            fcntl.ioctl(self.stdin, termios.TIOCSWINSZ, size)

    async def wait(self) -> int:
        reply, _ = await answer(self._connection, self._path)
        return int(reply["exit_code"])

    def close(self) -> None:
        self._connection.close()
        wire.close_all(list(self._open))
        self._open.clear()


def start_session(path: str, message: Mapping[str, Any], *, terminal: bool) -> PipeSession:
    """Ask the shim at `path` to run the command of `message`; what it says of the start comes out of `wait`."""
    if terminal:
        ours, far = (list(pair) for pair in zip(os.openpty(), strict=True))
    else:
        stdin, out, err = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
        ours, far = [stdin[1], out[0], err[0]], [stdin[0], out[1], err[1]]
    for end in ours:
        os.set_blocking(end, False)
    try:
        connection = begin(path, message, far)
    except BaseException:
        wire.close_all(ours)
        raise
    finally:
        wire.close_all(far)
    return PipeSession(connection, path, ours)


async def read_some(descriptor: int) -> bytes:
    """What is there to read, at least one byte; b"" at the end (a terminal says EIO when its far side is closed)."""
    while True:
        try:
            return os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            await _ready(descriptor, write=False)
        except OSError:
            return b""


async def write_all(descriptor: int, data: bytes) -> bool:
    """False when nobody reads any more."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            await _ready(descriptor, write=True)
        except OSError:
            return False
    return True


async def _ready(descriptor: int, *, write: bool) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)
