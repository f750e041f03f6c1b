"""Priorities, panic, and state that survives an update."""

from __future__ import annotations

import pytest

from sidecar.balancing.hosts import Host, HostSet


def keys(hosts: HostSet) -> str:
    return "".join(host.key for host in hosts.candidates)


@pytest.mark.parametrize(
    ("hosts", "panic", "expected"),
    [
        ("", 50, ""),
        ("a0 b0", 50, "ab"),
        ("a0- b0", 50, "b"),
        ("a0- b0- c0", 50, "abc"),  # a third is usable: less than half, so panic
        ("a0- b0- c0", 0, "c"),  # Istio: no panic
        ("a0- b0-", 0, ""),
        ("a0- b0- c1", 0, "c"),
        ("a0 b1", 50, "a"),
        ("a0- b0-", 50, "ab"),
    ],
)
def test_candidates(hosts: str, panic: float, expected: str) -> None:
    made = [Host(word[0], priority=ord(word[1]) - 48, healthy=not word.endswith("-")) for word in hosts.split()]
    assert keys(HostSet(made, panic_threshold_percent=panic)) == expected


def test_update_keeps_the_state_of_hosts_that_stay() -> None:
    old = Host("a", weight=1)
    hosts = HostSet([old, Host("b")])
    old.active, old.ejected_until_s = 3, 9.0
    left = hosts.update([Host("a", weight=5), Host("c")])
    assert [host.key for host in left] == ["b"]
    assert hosts.all[0] is old
    assert (old.weight, old.active, old.ejected_until_s) == (5, 3, 9.0)
    assert keys(hosts) == "c"
