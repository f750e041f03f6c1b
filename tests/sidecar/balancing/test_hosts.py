"""Hosts: what their flags add up to, and who stays on an update."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.balancing.hosts import Health, Host, HostSet


@pytest.mark.parametrize(
    ("state", "health"),
    [
        ({}, Health.HEALTHY),
        ({"given": Health.DEGRADED}, Health.DEGRADED),
        ({"said_degraded": True}, Health.DEGRADED),
        ({"given": Health.UNHEALTHY}, Health.UNHEALTHY),
        ({"ejected_until_s": 9.0}, Health.UNHEALTHY),
        ({"failed_active": True, "given": Health.DEGRADED}, Health.UNHEALTHY),
    ],
)
def test_health_of_all_flags(state: dict[str, Any], health: Health) -> None:
    host = Host("a")
    for name, value in state.items():
        setattr(host, name, value)
    assert host.health is health
    assert host.usable == (health is not Health.UNHEALTHY)


def test_updates_keep_state() -> None:
    hosts = HostSet()
    first, second = Host("a"), Host("b")
    assert hosts.update([first, second]) == ((first, second), ())
    first.active, first.ejected_until_s = 3, 7.0
    third = Host("c")
    came, left = hosts.update([Host("a", "new", weight=5, priority=1, given=Health.DEGRADED), third])
    assert (came, left) == ((third,), (second,))
    assert hosts.all == (first, third)
    assert (first.endpoint, first.weight, first.priority, first.given) == ("new", 5, 1, Health.DEGRADED)
    assert (first.active, first.ejected_until_s) == (3, 7.0)


def test_a_successor_takes_over() -> None:
    old, new = Host("a"), Host("a")
    old.ejected_until_s, old.failed_active, old.healthy_since_s = 7.0, True, 2.0
    new.take_state(old)
    assert (new.ejected_until_s, new.failed_active, new.healthy_since_s) == (7.0, False, 2.0)
