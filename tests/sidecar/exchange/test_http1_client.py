"""One upstream connection fed by a real peer: framings, leftovers, unasked bytes, an unasked 101."""

from __future__ import annotations

import pytest

from sidecar.exchange.http1_client import Reset
from tests.sidecar.engines import Echo, backend
from tests.sidecar.exchange.test_pool import Waiter, made, request

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("raw", "status", "reset", "kept"),
    [
        (OK, 200, None, True),
        (OK + b"more", 200, None, False),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 200, None, False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OK, 200, None, True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK, None, Reset.PROTOCOL_ERROR, False),
        (b"HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", None, Reset.PROTOCOL_ERROR, False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x2\r\nok", None, Reset.PROTOCOL_ERROR, False),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 90_000 + b"\r\n\r\n", None, Reset.PROTOCOL_ERROR, False),
        (b"garbage\n\n", None, Reset.PROTOCOL_ERROR, False),
    ],
)  # fmt: skip
async def test_answers(raw: bytes, status: int | None, reset: Reset | None, kept: bool) -> None:
    async with backend(Echo(raw)) as port:
        pool, waiter = made(port), Waiter()
        await request(pool, waiter)
        assert waiter.answers == ([] if status is None else [status])
        assert waiter.reset is reset
        assert bool(pool.connections) == kept
        pool.abort()


async def test_an_early_end_is_a_reset_and_reuse_is_known() -> None:
    async with backend(Echo(OK, b"HTTP/1.1 200 OK\r\n", keep_alive=True)) as port:
        pool, waiter = made(port), Waiter()
        upstream = await request(pool, waiter)
        assert not upstream.reused
        taken = pool.take(waiter)
        assert taken is upstream
        upstream.send(waiter, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"GET", end=True, chunked=False)
        assert upstream.reused
        assert upstream.silent
        upstream.abandon()
        assert not pool.connections
