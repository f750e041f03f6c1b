"""Pod addresses: which one a new pod gets. Pure.

Addresses are given in order and come round again late, so that a peer's cached connection to a pod that ended does
not reach another one at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

POD_NETWORK = IPv4Network("10.244.0.0/16")
SERVICE_NETWORK = IPv4Network("10.96.0.0/12")
EXTERNAL_NETWORK = IPv4Network("240.240.0.0/16")
"""ServiceEntry hosts without an address of their own get one from here (Istio's automatic allocation)."""
DNS_ADDRESS = "10.96.0.10"
RESERVED_FIRST = 2
"""The network's own address and what bridges would use as gateway."""


class AddressPool:
    """`taken` are addresses already in use, as after a restart."""

    def __init__(self, taken: Iterable[str] = (), *, network: IPv4Network = POD_NETWORK) -> None:
        self._network = network
        self._taken = {IPv4Address(address) for address in taken}
        self._next = max(
            (int(address) - int(network[0]) + 1 for address in self._taken if address in network), default=0
        )

    def allocate(self) -> str | None:
        """An address nobody has; None when the network is full."""
        last = self._network.num_addresses - 2  # without the broadcast address
        for _ in range(last + 1):
            if not RESERVED_FIRST <= self._next <= last:
                self._next = RESERVED_FIRST
            candidate = self._network[self._next]
            self._next += 1
            if candidate not in self._taken:
                self._taken.add(candidate)
                return str(candidate)
        return None

    def take(self, address: str) -> bool:
        """Mark an address as used; False when it already is."""
        wanted = IPv4Address(address)
        if wanted in self._taken:
            return False
        self._taken.add(wanted)
        return True

    def release(self, address: str) -> None:
        self._taken.discard(IPv4Address(address))
