"""Goal: messages and descriptors arrive together, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.runtimes import wire


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with first, second:
        yield first, second


def test_descriptors_come_along_and_stay_out_of_programs(ends) -> None:
    read, write = os.pipe()
    wire.send(ends[0], {"verb": "x"}, [read, write])
    received = wire.receive(ends[1])
    assert received is not None
    message, descriptors = received
    assert message == {"verb": "x"} and len(descriptors) == 2
    os.write(descriptors[1], b"through")
    assert os.read(read, 10) == b"through"
    assert all(fcntl.fcntl(d, fcntl.F_GETFD) & fcntl.FD_CLOEXEC for d in descriptors)
    wire.close_all([read, write, *descriptors])


@pytest.mark.parametrize("size", [0, wire.MESSAGE_BYTES_MAX - 20, wire.MESSAGE_BYTES_MAX, 1 << 20])
def test_sizes(ends, size: int) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    wire.send(ends[0], {"text": "x" * size}, [null])
    received = wire.receive(ends[1])
    assert received is not None and len(received[0]["text"]) == size and len(received[1]) == 1
    wire.close_all([null, *received[1]])


def test_bounds(ends) -> None:
    with pytest.raises(wire.WireError):
        wire.send(ends[0], {"text": "x" * (wire.LARGE_MESSAGE_BYTES_MAX + 1)})
    with pytest.raises(wire.WireError):
        wire.send(ends[0], {}, [0] * (wire.DESCRIPTORS_MAX + 1))


@pytest.mark.parametrize("payload", [b"nonsense", b"[1]", b"{", b'{"a":1}x', b"x" * 70000])
def test_what_is_no_message(ends, payload: bytes) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    null = os.open("/dev/null", os.O_RDONLY)
    socket.send_fds(ends[0], [payload], [null])
    os.close(null)
    with pytest.raises(wire.WireError):
        wire.receive(ends[1])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_end(ends) -> None:
    ends[0].close()
    assert wire.receive(ends[1]) is None


def test_listen_takes_the_place_of_a_dead_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    wire.listen(str(path)).close()
    with wire.listen(str(path)), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(str(path))
        assert wire.peer_uid(caller) == os.getuid()
        assert path.stat().st_mode & 0o777 == 0o600
