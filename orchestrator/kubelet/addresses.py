"""Pod addresses: one from the node's range for each pod, the lowest that is free."""

from __future__ import annotations

from ipaddress import IPv4Network

POD_CIDR = "10.244.0.0/16"
RESERVED = 2
"""The network's own address and the first one, which people take for a gateway."""


class PodAddresses:
    """Taken addresses live in memory; at start they are claimed again from the pods' status."""

    def __init__(self, cidr: str = POD_CIDR) -> None:
        network = IPv4Network(cidr)
        self._first = int(network.network_address) + RESERVED
        self._last = int(network.broadcast_address) - 1
        self._network = network
        self._taken: dict[str, str] = {}  # address -> pod uid
        self._next = self._first

    def claim(self, address: str, uid: str) -> bool:
        """Take this address for the pod; False if another has it."""
        return self._taken.setdefault(address, uid) == uid

    def allocate(self, uid: str) -> str | None:
        """A free address, going on where the last search ended; None when the range is used up."""
        for offset in range(self._last - self._first + 1):
            number = self._first + (self._next - self._first + offset) % (self._last - self._first + 1)
            address = str(self._network[number - int(self._network.network_address)])
            if address not in self._taken:
                self._taken[address] = uid
                self._next = number + 1
                return address
        return None

    def release(self, uid: str) -> None:
        for address in [address for address, owner in self._taken.items() if owner == uid]:
            del self._taken[address]
