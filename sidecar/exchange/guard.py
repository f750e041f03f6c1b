"""Where a passthrough may not go: the machine itself, metadata services, and the mesh's own address ranges.

A sidecar dials out with the host's sockets. An ORIGINAL_DST cluster goes where a client says, so without this check a
pod could reach what its sandbox keeps from it. Checked on the address itself, after any name was resolved.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

from sidecar.net.addresses import family_of
from sidecar.net.dial import Plan

MESH_RANGES = (ipaddress.ip_network("10.244.0.0/16"), ipaddress.ip_network("10.96.0.0/12"))
"""Pods and services of a mesh on one machine: only reachable through their sidecars."""


def is_own_address(host: str) -> bool:
    """Whether this machine answers to `host` now: only then a socket can be bound to it. Interfaces come and go."""
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((host, 0))
        except OSError:
            return False
    return True


class Guard:
    """`on` in a mesh of one machine; a proxy started from a file goes where its file says."""

    def __init__(self, *, on: bool, is_own: Callable[[str], bool] = is_own_address) -> None:
        self._on = on
        self._is_own = is_own

    def refuses(self, plan: Plan) -> bool:
        """Of an ORIGINAL_DST cluster's plan; one that stays inside the own pod may go."""
        return self._on and plan.shim is None and bool(self.judge(plan.target.host))

    def judge(self, host: str) -> str:
        """ "" = may be dialled; else why not."""
        try:
            address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(host)
        except ValueError:
            return "passthrough_refused"
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if (
            address.is_loopback
            or address.is_link_local
            or address.is_unspecified
            or address.is_multicast
            or any(address.version == net.version and address in net for net in MESH_RANGES)
            or self._is_own(str(address))
        ):
            return "passthrough_refused"
        return ""
