"""Goal: the host and its pods are out of bounds, the outside is not."""

from __future__ import annotations

import socket

import pytest

from orchestrator.network.guard import is_own, refuses


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.0.9", "loopback"),
        ("0.0.0.0", "loopback"),
        ("169.254.169.254", "link-local"),
        ("224.0.0.1", "multicast"),
        ("10.244.3.4", "no such pod or service"),
        ("10.96.0.10", "no such pod or service"),
        ("240.240.0.1", "no such pod or service"),
        ("192.0.2.1", ""),
        ("10.0.0.250", ""),
    ],
)
def test_addresses(address: str, reason: str) -> None:
    assert refuses(address) == reason


def test_the_hosts_own_address() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = probe.getsockname()[0]
    assert is_own(own) and refuses(own)
    assert not is_own("192.0.2.1")
