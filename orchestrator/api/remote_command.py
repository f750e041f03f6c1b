"""`pods/exec`: a command's streams on the channels of a connection, and the Status that ends it.

Which transport carries the channels (WebSocket, SPDY) is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from mesh.kube.tasks import spawn
from orchestrator.runtimes.base import RuntimeFailure, Session
from orchestrator.runtimes.session import read_some, write_all

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
OUTPUT_DRAIN_S = 5.0
"""How long output is awaited after the command's end: a process that it left behind may hold the pipes for ever."""


class Channels(Protocol):
    """One client. `receive`: a channel and its bytes, b"" for the end of that channel; None when the client is gone."""

    async def receive(self) -> tuple[int, bytes] | None: ...

    async def send(self, channel: int, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which streams the client asked for."""

    stdin: bool
    stdout: bool
    stderr: bool
    terminal: bool


async def serve(channels: Channels, session: Session, wanted: Wanted) -> None:
    """Carry everything until the command ends or the client goes; then the Status, if there is still somebody."""
    outputs = [spawn(_pump(channels, session.stdout, STDOUT, wanted=wanted.stdout), name="exec stdout")]
    if session.stderr is not None:
        outputs.append(spawn(_pump(channels, session.stderr, STDERR, wanted=wanted.stderr), name="exec stderr"))
    if not wanted.stdin:
        session.close_stdin()
    client = spawn(_listen(channels, session), name="exec client")
    command = spawn(session.wait(), name="exec command")
    try:
        await asyncio.wait([client, command], return_when=asyncio.FIRST_COMPLETED)
        if not command.done():
            return
        await asyncio.wait(outputs, timeout=OUTPUT_DRAIN_S)
        with contextlib.suppress(ConnectionError):
            await channels.send(ERROR, msgspec.json.encode(_outcome(command)))
    finally:
        # Readers let go of the descriptors before they are closed: their numbers may be used again at once.
        for task in (*outputs, client, command):
            task.cancel()
        await asyncio.gather(*outputs, client, command, return_exceptions=True)
        session.close()


async def _pump(channels: Channels, descriptor: int, channel: int, *, wanted: bool) -> None:
    while data := await read_some(descriptor):
        if wanted:
            await channels.send(channel, data)


async def _listen(channels: Channels, session: Session) -> None:
    """Input and window sizes; returns when the client is gone. Input waits for the command to read it."""
    reading = True
    while (received := await channels.receive()) is not None:
        channel, data = received
        if channel == STDIN and reading:
            if data:
                reading = await write_all(session.stdin, data)
            else:
                reading = False
                session.close_stdin()
        elif channel == RESIZE and data:
            _resize(session, data)


class _Size(msgspec.Struct):
    Width: int
    Height: int


def _resize(session: Session, data: bytes) -> None:
    with contextlib.suppress(msgspec.MsgspecError, OSError):
        size = msgspec.json.decode(data, type=_Size)
        if size.Width > 0 and size.Height > 0:
            session.resize(size.Width, size.Height)


def _outcome(command: asyncio.Task[int]) -> dict[str, Any]:
    problem = command.exception()
    if problem is not None:
        if not isinstance(problem, RuntimeFailure):
            raise problem
        return internal_error(f"error executing command in container: failed to exec in container: {problem.message}")
    code = command.result()
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    message = f"command terminated with non-zero exit code: exit status {code}"
    details = {"causes": [{"reason": "ExitCode", "message": str(code)}]}
    return {
        "metadata": {}, "status": "Failure", "message": message, "reason": "NonZeroExitCode", "details": details,
    }  # fmt: skip


def internal_error(text: str) -> dict[str, Any]:
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {text}",
        "reason": "InternalError",
        "details": {"causes": [{"message": text}]},
        "code": 500,
    }
