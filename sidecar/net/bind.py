"""Listening sockets: TCP, UNIX paths that are taken over atomically, and sockets inside a pod."""

from __future__ import annotations

import contextlib
import secrets
import socket
from pathlib import Path

from sidecar.config.core import Address
from sidecar.net import sandbox
from sidecar.net.addresses import family_of

BACKLOG = 1024
UNIX_PATH_BYTES_MAX = 107
"""sockaddr_un's sun_path less its final NUL."""


def listen(address: Address, *, backlog: int = 0, reuse_port: bool = False) -> socket.socket:
    """A listening socket for `address`. Raises OSError with the address in its message."""
    if address.pipe is not None:
        door = Path(address.pipe.path)
        if door.name == sandbox.INBOUND and (shim := door.with_name(sandbox.SHIM)).exists():
            # The sandbox holds the pod's front door open, so callers wait in its queue while a proxy restarts.
            return sandbox.listen(str(shim), sandbox.INBOUND, 0, "unix")
        return listen_pipe(address.pipe.path, mode=address.pipe.mode, backlog=backlog)
    wanted = address.socket_address
    assert wanted is not None, "configuration requires one of the two"
    if wanted.network_namespace_filepath:
        return sandbox.listen(wanted.network_namespace_filepath, wanted.address, wanted.port_value)
    sock = socket.socket(family_of(wanted.address), socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((wanted.address, wanted.port_value))
        sock.listen(backlog or BACKLOG)
    except OSError as failure:
        sock.close()
        raise OSError(failure.errno, f"cannot bind {wanted.address}:{wanted.port_value}: {failure.strerror}") from None
    return sock


def listen_pipe(path: str, *, mode: int = 0, backlog: int = 0) -> socket.socket:
    """Bind beside the path and rename onto it: who connects meets the old listener or the new one, never nothing."""
    beside = f"{path}.{secrets.token_hex(3)}"
    if len(beside.encode()) > UNIX_PATH_BYTES_MAX:
        raise OSError(f"cannot bind {path}: a UNIX path has at most {UNIX_PATH_BYTES_MAX} bytes")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(beside)
        Path(beside).chmod(mode or 0o600)
        sock.listen(backlog or BACKLOG)
        Path(beside).replace(path)
    except OSError as failure:
        sock.close()
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise OSError(failure.errno, f"cannot bind {path}: {failure.strerror}") from None
    return sock
