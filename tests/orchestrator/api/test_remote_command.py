"""Goal: channels and a command's streams meet. Method: real pipes, a client and a command played by the test."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec
import pytest

from orchestrator.api.remote_command import ERROR, RESIZE, STDERR, STDIN, STDOUT, Wanted, serve
from orchestrator.runtimes.base import RuntimeFailure


class Client:
    def __init__(self, *says: tuple[int, bytes], stays: bool = True) -> None:
        self.heard: dict[int, bytes] = {}
        self._says = list(says)
        self._stays = stays

    async def receive(self) -> tuple[int, bytes] | None:
        if self._says:
            return self._says.pop(0)
        if self._stays:
            await asyncio.Event().wait()
        return None

    async def send(self, channel: int, data: bytes) -> None:
        self.heard[channel] = self.heard.get(channel, b"") + data


class Echo:
    """Writes its input to stdout and a word to stderr, then ends as it was told to."""

    def __init__(self, end: int | RuntimeFailure = 0) -> None:
        self._in, self.stdin = os.pipe()
        self.stdout, self._out = os.pipe()
        self.stderr, self._err = os.pipe()
        for descriptor in (self._in, self.stdin, self.stdout, self.stderr):
            os.set_blocking(descriptor, False)
        self.end = end
        self.sizes: list[tuple[int, int]] = []
        self.input_ended = asyncio.Event()
        self.closed = False

    def close_stdin(self) -> None:
        os.close(self.stdin)
        self.input_ended.set()

    def resize(self, width: int, height: int) -> None:
        self.sizes.append((width, height))

    async def wait(self) -> int:
        await self.input_ended.wait()
        os.write(self._out, os.read(self._in, 1000))
        os.write(self._err, b"!")
        os.close(self._out)
        os.close(self._err)
        if isinstance(self.end, RuntimeFailure):
            raise self.end
        return self.end

    def close(self) -> None:
        self.closed = True


ALL = Wanted(stdin=True, stdout=True, stderr=True, terminal=False)
OUTCOMES: list[tuple[int | RuntimeFailure, dict[str, Any]]] = [
    (0, {"metadata": {}, "status": "Success"}),
    (3, {"reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}),
    (RuntimeFailure("NotRunning", "is not running"), {"status": "Failure", "reason": "InternalError", "code": 500}),
]  # fmt: skip


@pytest.mark.parametrize(("end", "expected"), OUTCOMES)
async def test_streams_and_outcome(end: int | RuntimeFailure, expected: dict[str, Any]) -> None:
    size = msgspec.json.encode({"Width": 80, "Height": 24})
    client, session = Client((RESIZE, size), (RESIZE, b"{}"), (STDIN, b"in"), (STDIN, b""), (STDIN, b"late")), Echo(end)
    await serve(client, session, ALL)
    assert (client.heard[STDOUT], client.heard[STDERR], session.sizes) == (b"in", b"!", [(80, 24)])
    outcome = msgspec.json.decode(client.heard[ERROR])
    assert outcome.items() >= expected.items()
    assert session.closed


async def test_streams_not_asked_for_are_drained_silently() -> None:
    client = Client()
    await serve(client, Echo(), Wanted(stdin=False, stdout=False, stderr=True, terminal=False))
    assert client.heard.keys() == {STDERR, ERROR}


async def test_a_client_that_goes_ends_the_session() -> None:
    client, session = Client(stays=False), Echo()
    await serve(client, session, ALL)
    assert session.closed and not client.heard
