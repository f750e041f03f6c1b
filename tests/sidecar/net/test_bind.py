"""Listening sockets: TCP refusals with their address, UNIX paths taken over without a gap."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from sidecar.config.core import Address, Pipe, SocketAddress
from sidecar.net.bind import listen, listen_pipe


def test_tcp() -> None:
    address = Address(socket_address=SocketAddress(address="127.0.0.1", port_value=0))
    with listen(address) as sock:
        taken = Address(socket_address=SocketAddress(address="127.0.0.1", port_value=sock.getsockname()[1]))
        with pytest.raises(OSError, match=r"cannot bind 127\.0\.0\.1:"):
            listen(taken)


def test_a_pipe_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "in.sock"
    with listen(Address(pipe=Pipe(path=str(path)))) as first, socket.socket(socket.AF_UNIX) as early:
        early.connect(str(path))
        with listen_pipe(str(path), mode=0o660) as second, socket.socket(socket.AF_UNIX) as late:
            late.connect(str(path))
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            for sock in (first, second):  # who came before waits with the old socket, who came after with the new
                sock.settimeout(5)
                sock.accept()[0].close()
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="at most 107 bytes"):
        listen_pipe(str(tmp_path / ("x" * 120)))
    with pytest.raises(OSError, match="cannot bind"):
        listen_pipe(str(tmp_path / "no" / "dir"))
