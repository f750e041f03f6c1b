"""Asking a shim or a zygote from asyncio: one connection a question, and one that stays for the exits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from orchestrator.process_identity import ProcessIdentity
from orchestrator.runtimes import wire
from orchestrator.runtimes.base import RuntimeFailure

ANSWER_TIMEOUT_S = 20.0


async def ask(
    path: str, message: Mapping[str, Any], descriptors: Sequence[int] = (), *, timeout_s: float = ANSWER_TIMEOUT_S
) -> tuple[wire.Message, list[int]]:
    """One question and its answer. The answer's descriptors are the caller's; those sent stay open here.

    Raises `RuntimeFailure` for a refusal or a peer that is gone or does not answer in time.
    """
    try:
        async with asyncio.timeout(timeout_s):
            with begin(path, message, descriptors) as connection:
                return await answer(connection, path)
    except TimeoutError:
        raise RuntimeFailure("RunContainerError", f"no answer from {path} in {timeout_s:.0f} s") from None


def begin(path: str, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> socket.socket:
    """Ask without waiting; the connection is the caller's to close, which tells the peer that nobody waits."""
    try:
        connection = _connect(path)
    except OSError as failure:
        raise RuntimeFailure("SandboxGone", f"{path}: {failure}") from None
    try:
        wire.send(connection, dict(message), descriptors)
    except (OSError, wire.WireError) as failure:
        connection.close()
        raise RuntimeFailure("SandboxGone", f"{path}: {failure}") from None
    return connection


async def answer(connection: socket.socket, path: str) -> tuple[wire.Message, list[int]]:
    """What the peer says to `begin`'s question, whenever it says it."""
    try:
        received = await _receive(connection)
    except (OSError, wire.WireError) as failure:
        raise RuntimeFailure("SandboxGone", f"{path}: {failure}") from None
    if received is None:
        raise RuntimeFailure("SandboxGone", f"{path} hung up")
    reply, sent = received
    if "error" in reply:
        wire.close_all(sent)
        raise RuntimeFailure(str(reply.get("reason", "RunContainerError")), str(reply["error"]))
    return reply, sent


async def events(path: str, message: Mapping[str, Any]) -> AsyncIterator[wire.Message]:
    """Send one message, then yield what comes until the peer ends. Raises `RuntimeFailure` if it cannot be reached."""
    try:
        connection = _connect(path)
    except OSError as failure:
        raise RuntimeFailure("SandboxGone", f"{path}: {failure}") from None
    with connection:
        try:
            wire.send(connection, dict(message))
            while (received := await _receive(connection)) is not None:
                wire.close_all(received[1])
                yield received[0]
        except (OSError, wire.WireError):
            return


async def process_ended(identity: ProcessIdentity) -> None:
    """Return when the process has ended (its pidfd becomes readable then); at once when it already has."""
    descriptor = identity.open()
    if descriptor is None:
        return
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def listener_pid(path: str) -> int:
    """The process that listens at `path`, in this process's pid namespace."""
    with _connect(path) as connection:
        return int.from_bytes(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), "little")


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.setblocking(False)
    try:
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


async def _receive(connection: socket.socket) -> tuple[wire.Message, list[int]] | None:
    while True:
        with contextlib.suppress(BlockingIOError):
            return wire.receive(connection)
        await _readable(connection)


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection.fileno())
