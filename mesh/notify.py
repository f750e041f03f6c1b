"""Readiness by systemd's sd_notify protocol: one datagram to the socket named in NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket

READY = "READY=1"


def notify(state: str) -> None:
    """Does nothing when nobody listens. A name that begins with @ is an abstract socket."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), address)
