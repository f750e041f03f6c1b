"""Goal: no two ranges overlap, and the DNS server's address is a service's."""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import combinations

from orchestrator.network.ranges import DNS_ADDRESS, EXTERNAL_NETWORK, POD_NETWORK, SERVICE_NETWORK


def test_ranges() -> None:
    for first, second in combinations((POD_NETWORK, SERVICE_NETWORK, EXTERNAL_NETWORK), 2):
        assert not first.overlaps(second)
    assert IPv4Address(DNS_ADDRESS) in SERVICE_NETWORK
