"""Pod addresses: none twice, none forgotten, none outside the range."""

from __future__ import annotations

from orchestrator.kubelet.addresses import PodAddresses


def test_allocates_each_once_and_none_that_is_reserved() -> None:
    addresses = PodAddresses("10.0.0.0/29")
    found = [addresses.allocate(str(number)) for number in range(6)]
    assert found == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", None]


def test_released_addresses_come_back() -> None:
    addresses = PodAddresses("10.0.0.0/29")
    taken = [addresses.allocate(str(number)) for number in range(5)]
    addresses.release("2")
    assert addresses.allocate("new") == taken[2]


def test_a_claimed_address_is_kept_for_its_pod() -> None:
    addresses = PodAddresses("10.0.0.0/29")
    assert addresses.claim("10.0.0.2", "a")
    assert addresses.claim("10.0.0.2", "a")
    assert not addresses.claim("10.0.0.2", "b")
    assert addresses.allocate("b") == "10.0.0.3"
