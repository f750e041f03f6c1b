"""One connection: gathered writes, back-pressure, half-close, loss, lingering close."""

from __future__ import annotations

import asyncio
import socket
import struct

from sidecar.net.connection import WRITE_BYTES_HIGH, Connection
from sidecar.net.dispatcher import Dispatcher
from tests.sidecar.net.loops import Notes, pair


def dispatcher() -> Dispatcher:
    return Dispatcher(asyncio.get_running_loop())


async def test_writes_of_a_turn_are_sent_at_once() -> None:
    connection, notes, peer = pair(dispatcher())
    for piece in (b"a", b"b", b"c"):
        connection.write(piece)
    assert connection.bytes_written == 0
    await asyncio.sleep(0)
    assert peer.recv(100) == b"abc"
    peer.send(b"answer")
    await notes.until(lambda: notes.data == b"answer")
    assert (connection.bytes_read, connection.bytes_written) == (6, 3)
    connection.abort()


async def test_back_pressure_is_told_and_taken_back() -> None:
    connection, notes, peer = pair(dispatcher())
    connection.write(b"x" * (4 * WRITE_BYTES_HIGH))
    assert notes.events == ["paused"]
    left = 4 * WRITE_BYTES_HIGH
    while left:
        left -= len(await asyncio.to_thread(peer.recv, 1 << 20))
    await notes.until(lambda: "resumed" in notes.events)
    connection.abort()


async def test_a_smaller_buffer_pauses_sooner_and_a_larger_one_no_later() -> None:
    small, small_notes, _peer = pair(dispatcher())
    small.limit(1000)
    small.write(b"x" * 1001)
    assert small_notes.events == ["paused"]
    for unbounded in (0, 1 << 30):
        connection, notes, _other = pair(dispatcher())
        connection.limit(unbounded)
        connection.write(b"x" * (WRITE_BYTES_HIGH + 1))
        assert notes.events == ["paused"]
        connection.abort()
    small.abort()


async def test_half_close_both_ways() -> None:
    connection, notes, peer = pair(dispatcher())
    peer.send(b"bye")
    peer.shutdown(socket.SHUT_WR)
    await notes.until(lambda: notes.events == ["eof"])
    assert notes.data == b"bye"
    connection.write(b"still here")
    connection.write_eof()
    assert await asyncio.to_thread(peer.recv, 100) == b"still here"
    assert await asyncio.to_thread(peer.recv, 100) == b""
    connection.abort()


async def test_paused_reading_leaves_bytes_with_the_kernel() -> None:
    connection, notes, peer = pair(dispatcher())
    connection.pause_reading()
    peer.send(b"later")
    await asyncio.sleep(0.05)
    assert notes.data == b""
    connection.resume_reading()
    await notes.until(lambda: notes.data == b"later")
    connection.abort()


async def test_a_reset_is_a_loss() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    accepted.setblocking(False)
    notes = Notes()
    connection = Connection(dispatcher(), accepted, notes)
    connection.start()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    await notes.until(lambda: notes.events == ["lost Connection_reset_by_peer"])
    assert connection.closed


async def test_close_sends_what_is_queued_and_tells_nobody() -> None:
    connection, notes, peer = pair(dispatcher())
    connection.write(b"last words")
    connection.close()
    connection.write(b"too late")
    assert await asyncio.to_thread(peer.recv, 100) == b"last words"
    assert await asyncio.to_thread(peer.recv, 100) == b""
    assert notes.events == []


async def test_lingering_close_reads_on_until_the_peer_is_done() -> None:
    connection, notes, peer = pair(dispatcher())
    connection.write(b"400")
    connection.close(linger=True)
    assert await asyncio.to_thread(peer.recv, 100) == b"400"
    peer.send(b"what nobody wants")
    await asyncio.sleep(0.05)
    assert not connection.closed
    peer.close()
    async with asyncio.timeout(5):
        while not connection.closed:
            await asyncio.sleep(0.01)
    assert notes.data == b""
    assert "closed" in repr(connection)
