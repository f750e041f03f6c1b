"""Listeners on real sockets: chains chosen, nobody's connections closed, rules swapped."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from sidecar.config.listener import FilterChainMatch
from sidecar.net.accepted import Accepted
from sidecar.net.connection import Connection
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.filter_chain import ChainMatcher
from sidecar.net.listener import Chain, ConnectionTotal, Listener, ListenerStats, Rules
from sidecar.telemetry.stats import Stats
from tests.sidecar.net.loops import Notes


def rules(word: bytes, match: FilterChainMatch | None = None) -> Rules:
    def serve(connection: Connection, accepted: Accepted) -> None:
        connection.handler = Notes()
        connection.write(word + accepted.listener.encode())
        connection.close()

    return Rules(ChainMatcher([(match or FilterChainMatch(), Chain("c", None, serve))]))


async def read(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


async def test_life_of_a_listener() -> None:
    stats = Stats()
    listener = Listener(
        "l",
        Dispatcher(asyncio.get_running_loop()),
        rules(b"one "),
        stats=ListenerStats(stats, "a:1"),
        total=ConnectionTotal(),
    )
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    listener.open(sock, accepting=False)
    waiting = asyncio.get_running_loop().create_task(read(port))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    listener.accept()
    assert await waiting == b"one l"
    listener.rules = rules(b"two ")
    assert await read(port) == b"two l"
    listener.rules = rules(b"x", FilterChainMatch(destination_port=1))
    assert await read(port) == b""
    assert stats.counter("listener.a_1.no_filter_chain_match").value == 1
    assert stats.counter("listener.a_1.downstream_cx_total").value == 3
    closed = listener.close()
    assert closed is sock
    sock.close()


@pytest.mark.parametrize("context", [None, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)])
async def test_a_connection_whose_handshake_fails_is_counted_no_longer(context: ssl.SSLContext | None) -> None:
    stats, total = Stats(), ConnectionTotal()
    chain = Chain("c", lambda: context, lambda *_: pytest.fail("served"))  # type: ignore[arg-type]
    listener = Listener(
        "l",
        Dispatcher(asyncio.get_running_loop()),
        Rules(ChainMatcher([(FilterChainMatch(), chain)])),
        stats=ListenerStats(stats, "a:1"),
        total=total,
    )
    sock = socket.create_server(("127.0.0.1", 0))
    listener.open(sock)
    _, writer = await asyncio.open_connection("127.0.0.1", sock.getsockname()[1])
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    while not stats.counter("listener.a_1.ssl.connection_error").value:
        await asyncio.sleep(0)
    writer.close()
    assert (total.count, stats.gauge("listener.a_1.downstream_cx_active").value) == (0, 0)
    assert stats.counter("listener.a_1.downstream_cx_total").value == 1
    listener.close()
    sock.close()
