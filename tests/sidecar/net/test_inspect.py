"""Listener filters on real sockets: what is consumed, what is only peeked at, byte by byte."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sidecar.net.accepted import Accepted
from sidecar.net.addresses import Endpoint
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.inspect import Inspection, Step
from sidecar.protocol.proxy_v2 import encode
from tests.sidecar.protocol.test_sniff import SAMPLE

HEADER = encode(("10.244.0.1", 0), ("10.244.0.2", 80))


async def inspect(
    data: bytes, *steps: Step, pieces: int = 1, close: bool = False, timeout_s: float = 5.0
) -> tuple[bool, Accepted, bytes]:
    """(served, what was learnt, what is left to read)."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    accepted = Accepted(1, "l", Endpoint("1.1.1.1", 1), Endpoint("2.2.2.2", 2))
    done: asyncio.Future[bool] = loop.create_future()
    Inspection(Dispatcher(loop), ours, accepted, steps=steps, timeout_s=timeout_s, done=done.set_result).run()
    size = max(1, -(-len(data) // pieces))
    for at in range(0, len(data), size):
        theirs.send(data[at : at + size])
        await asyncio.sleep(0)
    if close:
        theirs.close()
    served = await asyncio.wait_for(done, 5)
    try:
        left = ours.recv(65536)
    except BlockingIOError:
        left = b""
    ours.close()
    return served, accepted, left


@pytest.mark.parametrize("pieces", [1, 7, 300])
async def test_proxy_header_then_hello(pieces: int) -> None:
    served, accepted, left = await inspect(HEADER + SAMPLE, Step.PROXY, Step.TLS, pieces=pieces)
    assert served
    assert left == SAMPLE
    assert (accepted.remote, accepted.local) == (Endpoint("10.244.0.1", 0), Endpoint("10.244.0.2", 80))
    assert (accepted.transport, accepted.server_name, accepted.protocols) == (
        "tls",
        "reviews.default.svc",
        ("istio", "h2"),
    )


async def test_plaintext() -> None:
    request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    served, accepted, left = await inspect(HEADER + request, Step.PROXY, Step.TLS, Step.HTTP)
    assert (served, accepted.transport, accepted.protocols, left) == (True, "raw_buffer", ("http/1.1",), request)


@pytest.mark.parametrize("pieces", [1, 300])
@pytest.mark.parametrize(
    ("header", "remote"),
    [
        (HEADER, "10.244.0.1"),
        (b"PROXY TCP4 10.0.0.7 10.0.0.8 1 2\r\n", "10.0.0.7"),
        (b"", "1.1.1.1"),
        (b"\r\n", "1.1.1.1"),
        (b"PROX", "1.1.1.1"),
    ],
)
async def test_a_header_that_need_not_be_there(pieces: int, header: bytes, remote: str) -> None:
    request = b"POST / HTTP/1.1\r\nhost: a\r\n\r\n"
    served, accepted, left = await inspect(header + request, Step.PROXY_IF_ANY, pieces=pieces)
    assert (served, accepted.remote.host) == (True, remote)
    assert left == (header + request if remote == "1.1.1.1" else request)


async def test_a_header_that_is_wrong_is_refused_even_if_none_is_needed() -> None:
    assert not (await inspect(b"PROXY TCP4 1.1.1.1 x 1 2\r\n", Step.PROXY_IF_ANY))[0]


async def test_what_is_not_served() -> None:
    assert not (await inspect(b"GET / HTTP/1.1\r\n\r\n", Step.PROXY))[0]
    assert not (await inspect(HEADER[:10], Step.PROXY, close=True))[0]
    assert not (await inspect(b"", Step.PROXY, timeout_s=0.03))[0]
    assert not (await inspect(SAMPLE[:50], Step.TLS, timeout_s=0.03))[0]
