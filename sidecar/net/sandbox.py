"""The pod's side of a proxy that lives outside of it: sockets of the pod's network namespace, from its shim.

The shim speaks JSON messages over SOCK_SEQPACKET and passes descriptors beside them. `listen` is asked when
configuration arrives and waits; `socket` is asked while requests wait, so it must not block the loop: replies come in
order and are matched to callbacks first in, first out.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections import deque
from collections.abc import Callable

MESSAGE_BYTES_MAX = 64 * 1024
SHIM = "shim.sock"
INBOUND = "inbound.sock"
REPLY_WAIT_S = 5.0
"""A shim answers in microseconds; longer means it hangs, and a listener without it cannot work."""
ASKED_MAX = 1024
"""Socket requests under way to one shim."""

SocketGiven = Callable[["socket.socket | str"], None]
"""Called with a socket, or with the reason why there is none."""


def listen(shim: str, address: str, port: int, kind: str = "stream") -> socket.socket:
    """A socket bound and listening inside the pod; the same request gives the same socket. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
        channel.settimeout(REPLY_WAIT_S)
        channel.connect(shim)
        channel.send(json.dumps({"verb": "listen", "address": address, "port": port, "type": kind}).encode())
        given = _receive(channel)
    if isinstance(given, str):
        raise OSError(f"{shim}: {given}")
    return given


def _receive(channel: socket.socket) -> socket.socket | str:
    data, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_BYTES_MAX, 1)
    if not data:
        return "sandbox closed"
    answer = json.loads(data)
    if "error" in answer or not descriptors:
        for descriptor in descriptors:
            os.close(descriptor)
        return str(answer.get("error", "no descriptor"))
    return socket.socket(fileno=descriptors[0])


class Shim:
    """A standing connection to one shim, reopened when it breaks."""

    __slots__ = ("_asked", "_channel", "_loop", "_path")

    def __init__(self, loop: asyncio.AbstractEventLoop, path: str) -> None:
        self._loop = loop
        self._path = path
        self._channel: socket.socket | None = None
        self._asked: deque[SocketGiven] = deque()

    def ask(self, given: SocketGiven) -> None:
        """Ask for an unconnected TCP socket of the pod. `given` is called later, never from here."""
        if len(self._asked) >= ASKED_MAX:
            self._loop.call_soon(given, "sandbox busy")
            return
        try:
            channel = self._open()
            channel.send(b'{"verb":"socket","type":"stream"}')
        except OSError as failure:
            self._loop.call_soon(given, f"sandbox: {failure.strerror or failure}")
            return
        self._asked.append(given)

    def _open(self) -> socket.socket:
        if self._channel is None:
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            channel.setblocking(False)
            try:
                channel.connect(self._path)
            except OSError:
                channel.close()
                raise
            self._channel = channel
            self._loop.add_reader(channel.fileno(), self._readable)
        return self._channel

    def _readable(self) -> None:
        assert self._channel is not None
        while self._channel is not None:
            try:
                given = _receive(self._channel)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as failure:
                given = str(failure)
            if given == "sandbox closed" or not self._asked:
                self.close()
                return
            self._asked.popleft()(given)

    def close(self) -> None:
        if self._channel is not None:
            self._loop.remove_reader(self._channel.fileno())
            self._channel.close()
            self._channel = None
        asked, self._asked = self._asked, deque()
        for given in asked:
            given("sandbox closed")
