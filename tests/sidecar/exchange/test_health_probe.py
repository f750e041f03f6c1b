"""Probes against real sockets: answers, silence, refusals, and whether a connection is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.balancing.health import Verdict
from sidecar.config.decode import decode
from sidecar.config.health_check import HttpHealthCheck, TcpHealthCheck
from sidecar.exchange.health_probe import HttpProbe, Outcome, Probe, TcpProbe, contains
from sidecar.net.addresses import Endpoint
from sidecar.net.dial import Plan
from sidecar.net.dispatcher import Dispatcher
from tests.sidecar.engines import WAIT_S, Echo, answer, backend

pytestmark = pytest.mark.integration


async def asked(probe: Probe) -> Outcome:
    done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    probe.done = lambda outcome: None if done.done() else done.set_result(outcome)
    probe.ask()
    return await asyncio.wait_for(done, WAIT_S)


def http(port: int, *, reuse: bool = True, **fields: Any) -> HttpProbe:
    config = decode(HttpHealthCheck, {"path": "/hc", **fields})
    dispatcher = Dispatcher(asyncio.get_running_loop())
    return HttpProbe(dispatcher, Plan(Endpoint("127.0.0.1", port)), config, host="name", reuse=reuse)


def tcp(port: int, *, reuse: bool = True, **fields: Any) -> TcpProbe:
    config = decode(TcpHealthCheck, fields)
    dispatcher = Dispatcher(asyncio.get_running_loop())
    return TcpProbe(dispatcher, Plan(Endpoint("127.0.0.1", port)), config, reuse=reuse)


RANGE = [{"start": 200, "end": 300}]
LATE = [{"start": 500, "end": 600}]


@pytest.mark.parametrize(
    ("response", "fields", "outcome"),
    [
        (answer(b""), {}, Outcome(Verdict.SUCCESS)),
        (answer(b"", b"204 No"), {}, Outcome(Verdict.FAILURE)),
        (answer(b"", b"204 No"), {"expected_statuses": RANGE}, Outcome(Verdict.SUCCESS)),
        (answer(b"", b"503 Bad"), {}, Outcome(Verdict.FAILURE)),
        (answer(b"", b"503 Bad"), {"retriable_statuses": LATE}, Outcome(Verdict.RETRIABLE)),
        (answer(b"x" * 300_000), {}, Outcome(Verdict.SUCCESS)),
        (answer(b"", extra=b"x-envoy-degraded: \r\n"), {}, Outcome(Verdict.SUCCESS, degraded=True)),
        (b"nonsense\r\n\r\n", {}, Outcome(Verdict.NETWORK)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nab", {}, Outcome(Verdict.NETWORK)),
    ],
)  # fmt: skip
async def test_http_answers(response: bytes, fields: dict[str, Any], outcome: Outcome) -> None:
    async with backend(Echo(response, keep_alive=False)) as port:
        assert await asked(http(port, **fields)) == outcome


async def test_http_request_and_reuse() -> None:
    header = {"header": {"key": "x-a", "value": "b"}}
    for reuse, connections in ((True, 1), (False, 3)):
        echo = Echo()
        async with backend(echo) as port:
            probe = http(port, reuse=reuse, method="HEAD", request_headers_to_add=[header])
            echo.answers = (b"HTTP/1.1 200 OK\r\n\r\n",)
            for _ in range(3):
                assert await asked(probe) == Outcome(Verdict.SUCCESS)
            probe.reset()
        assert echo.connections == connections
        assert echo.heads[0] == b"HEAD /hc HTTP/1.1\r\nhost: name\r\nuser-agent: Envoy/HC\r\nx-a: b\r\n\r\n"


async def test_nobody_there() -> None:
    assert await asked(http(1)) == Outcome(Verdict.NETWORK)
    assert await asked(tcp(1)) == Outcome(Verdict.NETWORK)


async def test_tcp() -> None:
    seen: list[bytes] = []

    async def pong(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            seen.append(data)
            for piece in (b"-po", b"-n", b"g-"):
                writer.write(piece)
                await writer.drain()

    async with backend(pong) as port:
        assert await asked(tcp(port)) == Outcome(Verdict.SUCCESS)
        ping = {"send": {"text": b"ping".hex()}, "receive": [{"text": b"po".hex()}, {"text": b"g".hex()}]}
        probe = tcp(port, **ping)
        for _ in range(2):
            assert await asked(probe) == Outcome(Verdict.SUCCESS)
        probe.reset()
    assert seen == [b"ping", b"ping"]


async def test_tcp_that_hangs_up() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(b"no")

    async with backend(refuse) as port:
        probe = tcp(port, send={"text": b"ping".hex()}, receive=[{"text": b"yes".hex()}])
        assert await asked(probe) == Outcome(Verdict.NETWORK)


@pytest.mark.parametrize(
    ("data", "wanted", "found"),
    [(b"", [], True), (b"a-b", [b"a", b"b"], True), (b"b-a", [b"a", b"b"], False), (b"aa", [b"a", b"a"], True),
     (b"a", [b"a", b"a"], False)],
)  # fmt: skip
def test_contains(data: bytes, wanted: list[bytes], found: bool) -> None:
    assert contains(data, wanted) == found
