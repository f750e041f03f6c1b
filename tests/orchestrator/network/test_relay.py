"""Goal: every byte arrives, half-closes are passed on, a slow reader slows the writer, resets stay resets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from mesh.kube.tasks import spawn
from orchestrator.network.relay import WRITE_BUFFER_BYTES_MAX, join, refuse


def pair() -> tuple[socket.socket, socket.socket]:
    """A connected TCP pair."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        first = socket.create_connection(server.getsockname())
        second, _ = server.accept()
    for end in (first, second):
        end.setblocking(False)
    return first, second


@pytest.fixture
async def ends():
    """client -> relay -> server."""
    client, near = pair()
    far, server = pair()
    task = spawn(join(near, far, head=b"head "), name="relay")
    yield client, server, task
    client.close()
    server.close()
    await asyncio.wait_for(task, 5)


async def test_bytes_and_half_closes(ends) -> None:
    """The answer comes after the end of the question."""
    client, server, task = ends
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, b"question")
    client.shutdown(socket.SHUT_WR)
    assert await read_all(server) == b"head question"
    await loop.sock_sendall(server, b"answer")
    server.shutdown(socket.SHUT_WR)
    assert await read_all(client) == b"answer"
    await asyncio.wait_for(task, 5)


async def read_all(connection: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while piece := await loop.sock_recv(connection, 65536):
        data += piece
    return data


async def test_a_reader_that_does_not_read_stops_the_writer(ends) -> None:
    client, server, _ = ends
    sent = 0
    quiet = 0
    while quiet < 20:
        try:
            sent += client.send(bytes(65536))
            quiet = 0
        except BlockingIOError:
            quiet += 1
            await asyncio.sleep(0.01)
        assert sent < 64 << 20, "nothing holds the writer back"
    assert sent > WRITE_BUFFER_BYTES_MAX
    client.shutdown(socket.SHUT_WR)
    assert len(await read_all(server)) == sent + len(b"head ")


async def test_the_end_of_one_side_ends_the_other(ends) -> None:
    client, server, task = ends
    loop = asyncio.get_running_loop()
    assert await loop.sock_recv(server, 5) == b"head "
    refuse(server)
    with pytest.raises(ConnectionResetError):
        while True:
            await loop.sock_sendall(client, b"x")
            await asyncio.sleep(0.01)
    await asyncio.wait_for(task, 5)


async def test_refuse_is_a_reset() -> None:
    client, near = pair()
    refuse(near)
    with client, pytest.raises(ConnectionResetError):
        await asyncio.get_running_loop().sock_recv(client, 1)
