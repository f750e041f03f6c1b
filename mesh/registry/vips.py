"""Addresses for ServiceEntry hosts that have none: 240.240.0.0/16, the same host always gets the same one.

The address comes from a hash of the host's name, so it survives restarts without being stored; a collision moves to
the next free address, oldest ServiceEntry first.
"""

from __future__ import annotations

import hashlib

FIRST_OCTETS = "240.240"
POOL_SIZE = 255 * 254
"""Third octet 0-254, fourth 1-254: what Istio's allocator uses, without network and broadcast addresses."""


class Vips:
    """One allocation run; feed it the hosts in a stable order."""

    def __init__(self) -> None:
        self._taken: dict[int, str] = {}

    def allocate(self, host: str) -> str:
        """Raises OverflowError when all addresses are in use."""
        start = int.from_bytes(hashlib.sha256(host.encode()).digest()[:8], "big") % POOL_SIZE
        for step in range(POOL_SIZE):
            slot = (start + step) % POOL_SIZE
            if self._taken.setdefault(slot, host) == host:
                return f"{FIRST_OCTETS}.{slot // 254}.{slot % 254 + 1}"
        raise OverflowError("more ServiceEntry hosts than addresses in 240.240.0.0/16")
