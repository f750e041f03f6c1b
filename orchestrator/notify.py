"""Readiness, told to whoever started this process: the protocol of sd_notify(3)."""

from __future__ import annotations

import os
import socket


def notify_ready() -> None:
    """Send READY=1 to $NOTIFY_SOCKET; nothing when nobody asked."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.send(b"READY=1")
