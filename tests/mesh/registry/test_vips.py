"""Addresses for ServiceEntry hosts."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from mesh.registry.vips import Vips


def test_the_same_host_gets_the_same_address() -> None:
    assert Vips().allocate("default/a.com") == Vips().allocate("default/a.com")


@given(st.lists(st.text(min_size=1), max_size=50, unique=True))
def test_addresses_are_unique_and_in_range(hosts: list[str]) -> None:
    vips = Vips()
    found = [vips.allocate(host) for host in hosts]
    assert len(set(found)) == len(hosts)
    assert all(ipaddress.ip_address(one) in ipaddress.ip_network("240.240.0.0/16") for one in found)
