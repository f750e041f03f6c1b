"""Messages between the orchestrator's processes: one SOCK_SEQPACKET datagram, one JSON object, plus descriptors.

A message past the bound travels in a memfd, whose descriptor comes first. A reply with "error" is a refusal.
Blocking and non-blocking sockets alike: nothing here waits on its own.
"""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

MESSAGE_BYTES_MAX = 64 << 10
LARGE_MESSAGE_BYTES_MAX = 8 << 20
DESCRIPTORS_MAX = 250
"""The kernel's SCM_MAX_FD is 253; one place is the memfd's."""
_LARGE = b'{"large":true}'

Message = dict[str, Any]


class WireError(Exception):
    """The peer sent what is no message."""


def send(connection: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message; the descriptors stay open here. Raises `OSError`/`BlockingIOError` as the socket does."""
    payload = msgspec.json.encode(message)
    if len(descriptors) > DESCRIPTORS_MAX or len(payload) > LARGE_MESSAGE_BYTES_MAX:
        raise WireError("message too large")
    if len(payload) <= MESSAGE_BYTES_MAX:
        socket.send_fds(connection, [payload], list(descriptors))
        return
    memory = os.memfd_create("message", os.MFD_CLOEXEC)
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(payload)
        socket.send_fds(connection, [_LARGE], [memory, *descriptors])
    finally:
        os.close(memory)


def receive(connection: socket.socket) -> tuple[Message, list[int]] | None:
    """One message and its descriptors (close-on-exec, now the caller's); None at the end of the stream."""
    payload, ancillary, flags, _ = connection.recvmsg(
        MESSAGE_BYTES_MAX + 1, socket.CMSG_SPACE((DESCRIPTORS_MAX + 1) * 4), socket.MSG_CMSG_CLOEXEC
    )  # not socket.recv_fds: in Python 3.11 it ignores the flag that keeps descriptors from programs
    descriptors = _descriptors(ancillary)
    if not payload:
        close_all(descriptors)
        return None
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise WireError("message cut short")
        if payload == _LARGE and descriptors:
            memory = descriptors.pop(0)
            payload = _read_memory(memory)
        return msgspec.json.decode(payload, type=dict[str, Any]), descriptors
    except (msgspec.MsgspecError, WireError) as broken:
        close_all(descriptors)
        raise WireError(f"not a message: {broken}") from None


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    received = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            received.frombytes(data[: len(data) - len(data) % received.itemsize])
    return list(received)


def _read_memory(memory: int) -> bytes:
    with open(memory, "rb") as file:
        file.seek(0)
        payload = file.read(LARGE_MESSAGE_BYTES_MAX + 1)
    if len(payload) > LARGE_MESSAGE_BYTES_MAX:
        raise WireError("message too large")
    return payload


def close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def peer_uid(connection: socket.socket) -> int:
    """The user behind a UNIX connection, as this process's user namespace sees it."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(raw[4:8], "little")


def listen(path: str, *, backlog: int = 128, kind: int = socket.SOCK_SEQPACKET) -> socket.socket:
    """A listening socket at `path` (mode 0600), in place of a dead one's."""
    listener = socket.socket(socket.AF_UNIX, kind)
    beside = f"{path}.new"
    Path(beside).unlink(missing_ok=True)
    previous = os.umask(0o177)
    try:
        listener.bind(beside)
    finally:
        os.umask(previous)
    listener.listen(backlog)
    Path(beside).replace(path)
    return listener
