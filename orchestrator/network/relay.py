"""Carry bytes between two connections, both ways, until both are done.

Back-pressure: a side that cannot write stops the other from reading. A half-close is passed on, because protocols
exist that answer only after the client's end of stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

WRITE_BUFFER_BYTES_MAX = 256 << 10
_LINGER_RESET = struct.pack("ii", 1, 0)


class Relay(asyncio.Protocol):
    """One side; `join` makes two of them a pair. Bytes that arrive before that wait in the transport."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: Relay | None = None
        self.closed = asyncio.Event()
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(WRITE_BUFFER_BYTES_MAX)
        if self.peer is None:
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        peer = self.peer.transport if self.peer else None
        if self.peer is None or peer is None or peer.is_closing():
            return False
        if self.peer.ended:
            peer.close()
            return False
        peer.write_eof()
        return True  # the other direction stays open

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        peer = self.peer.transport if self.peer else None
        if peer is None or peer.is_closing():
            return
        if exc is None:
            peer.close()
        else:
            with contextlib.suppress(OSError):  # a reset stays a reset
                peer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
            peer.abort()


async def join(near: socket.socket, far: socket.socket, *, head: bytes = b"") -> None:
    """Relay between two connected sockets until both ended; `head` was already read from `near`. Closes both."""
    loop = asyncio.get_running_loop()
    first, second = Relay(), Relay()
    try:
        await loop.connect_accepted_socket(lambda: second, far)
        await loop.connect_accepted_socket(lambda: first, near)
    except OSError:
        near.close()
        far.close()
        return
    first.peer, second.peer = second, first
    assert first.transport and second.transport
    if head:
        second.transport.write(head)
    try:
        for side in (first, second):
            if not side.transport.is_closing():  # type: ignore[union-attr]
                side.transport.resume_reading()  # type: ignore[union-attr]
        await first.closed.wait()
        await second.closed.wait()
    finally:
        first.transport.abort()
        second.transport.abort()


def refuse(connection: socket.socket) -> None:
    """End an accepted connection as if nobody listened: with a reset."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    finally:
        connection.close()
