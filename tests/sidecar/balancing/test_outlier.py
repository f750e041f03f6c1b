"""Hosts that keep failing are ejected for growing times, but never too many at once."""

from __future__ import annotations

from sidecar.balancing.hosts import Host, HostSet
from sidecar.balancing.outlier import OutlierDetector, OutlierRules


def detector(count: int, **rules: float) -> OutlierDetector:
    hosts = HostSet([Host(str(i)) for i in range(count)], panic_threshold_percent=0)
    return OutlierDetector(OutlierRules(**rules), hosts)  # type: ignore[arg-type]


def fail(found: OutlierDetector, host: Host, times: int, *, status: int = 500, now: float = 0.0) -> bool:
    return [found.observe(host, status, now) for _ in range(times)][-1]


def test_consecutive_errors_eject_and_a_success_resets() -> None:
    found = detector(10)
    host = found.hosts.all[0]
    assert not fail(found, host, 4)
    found.observe(host, 200, 0.0)
    assert not fail(found, host, 4)
    assert fail(found, host, 1)
    assert host not in found.hosts.candidates
    assert host.ejected_until_s == 30.0


def test_ejections_last_longer_each_time_and_behaviour_is_rewarded() -> None:
    found = detector(10)
    host = found.hosts.all[0]
    fail(found, host, 5)
    assert not found.sweep(29.0)
    assert found.sweep(39.0)
    assert host in found.hosts.candidates
    fail(found, host, 5, now=40.0)
    assert host.ejected_until_s == 100.0
    assert found.sweep(100.0)
    for now in (110.0, 120.0):
        found.sweep(now)
    fail(found, host, 5, now=121.0)
    assert host.ejected_until_s == 151.0


def test_no_more_than_the_percentage_but_always_one() -> None:
    small = detector(3)
    assert fail(small, small.hosts.all[0], 5)
    assert not fail(small, small.hosts.all[1], 5)
    half = detector(4, max_ejection_percent=50)
    assert [fail(half, host, 5) for host in half.hosts.all] == [True, True, False, False]


def test_gateway_errors_have_a_count_of_their_own() -> None:
    found = detector(5, consecutive_5xx=0, consecutive_gateway_failure=2)
    host = found.hosts.all[0]
    assert not fail(found, host, 9, status=500)
    assert fail(found, host, 2, status=503)
