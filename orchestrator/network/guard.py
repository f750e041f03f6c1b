"""Which addresses a pod may reach by way of the host's own sockets: the outside, and nothing of the host.

Whoever holds a pod's outbound hook dials in the host's place. So a pod must not make it call the host's loopback
(admin ports, the API of other programs), link-local addresses (cloud metadata), the host's other addresses, or pods
past the one that holds their hooks.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address

from orchestrator.network.ranges import EXTERNAL_NETWORK, POD_NETWORK, SERVICE_NETWORK


def refuses(address: str) -> str:
    """Why the address is out of bounds; "" when it is the outside."""
    parsed = IPv4Address(address)
    if parsed.is_loopback or parsed.is_unspecified:
        return "loopback"
    if parsed.is_link_local:
        return "link-local"
    if parsed.is_multicast:
        return "multicast"
    if parsed in POD_NETWORK or parsed in SERVICE_NETWORK or parsed in EXTERNAL_NETWORK:
        return "no such pod or service"
    return "the host's own" if is_own(address) else ""


def is_own(address: str) -> bool:
    """Whether this host has the address: then, and only then, a socket can be bound to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as failure:
            return failure.errno != errno.EADDRNOTAVAIL
    return True
