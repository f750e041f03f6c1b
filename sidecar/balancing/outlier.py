"""Passive health: hosts that keep failing, or fail more than the others, are left alone for a while.

Envoy's outlier detection (docs: intro/arch_overview/upstream/outlier; source/common/upstream/outlier_detection_impl).
Consecutive errors eject at once; success rate and failure percentage are judged at each sweep, of the requests since
the last one. A host stays away for the base time multiplied by how often it was ejected, and the multiplier decays
with each sweep it is well. Every decision is counted by the name of Envoy's statistic.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from sidecar.balancing.hosts import Host, HostSet

GATEWAY_STATUSES = frozenset({502, 503, 504})
CONNECT_FAILED_STATUS = 503
TIMEOUT_STATUS = 504
"""What a failure without a response counts as, unless local errors are kept apart."""

_OLDER = frozenset({"consecutive_5xx", "success_rate"})
"""Detectors that Envoy also counts by two older names, enforced or not."""


@dataclass(frozen=True, slots=True)
class OutlierRules:
    """`enforcing`: per cent of the ejections that are done, by detector; one that is not here is done always."""

    interval_s: float = 10.0
    base_ejection_s: float = 30.0
    max_ejection_s: float = 300.0
    jitter_s: float = 0.0
    max_ejection_percent: int = 10
    always_one: bool = False
    consecutive_5xx: int = 5
    consecutive_gateway_failure: int = 5
    consecutive_local_origin_failure: int = 5
    split: bool = False
    success_rate_hosts: int = 5
    success_rate_requests: int = 100
    success_rate_factor: float = 1.9
    failure_percentage: int = 85
    failure_hosts: int = 5
    failure_requests: int = 50
    enforcing: tuple[tuple[str, int], ...] = (
        ("consecutive_gateway_failure", 0),
        ("failure_percentage", 0),
        ("local_origin_failure_percentage", 0),
    )


class _Window:
    """Requests and successes since the last sweep."""

    __slots__ = ("good", "total")

    def __init__(self) -> None:
        self.good = self.total = 0


class _Record:
    __slots__ = ("external", "gateway", "local", "local_failures", "multiplier", "status_5xx")

    def __init__(self) -> None:
        self.status_5xx = self.gateway = self.local_failures = 0
        self.multiplier = 0
        self.external, self.local = _Window(), _Window()


class _Rated(NamedTuple):
    host: Host
    record: _Record
    success_rate: float
    requests: int


class OutlierDetector:
    """Watches the outcomes of one cluster. `responded`, `failed` and `sweep` say whether any host's health changed."""

    __slots__ = ("_count", "_enforcing", "_records", "_rng", "ejected", "hosts", "rules")

    def __init__(self, rules: OutlierRules, hosts: HostSet, rng: random.Random, count: Callable[[str], None]) -> None:
        self.rules = rules
        self.hosts = hosts
        self._rng = rng
        self._count = count
        """Told the name of each statistic, such as `ejections_detected_consecutive_5xx`."""
        self._enforcing = dict(rules.enforcing)
        self._records: dict[Host, _Record] = {}
        self.ejected = sum(1 for host in hosts.all if host.ejected_until_s)

    def _record(self, host: Host) -> _Record:
        record = self._records.get(host)
        if record is None:
            record = self._records[host] = _Record()
        return record

    # Outcomes

    def responded(self, host: Host, status: int, now: float) -> bool:
        """A response, or what stands for one."""
        record, rules = self._record(host), self.rules
        record.external.total += 1
        if status < 500:
            record.external.good += 1
            record.status_5xx = record.gateway = 0
            return False
        changed = False
        if status in GATEWAY_STATUSES:
            record.gateway += 1
            if record.gateway == rules.consecutive_gateway_failure:
                record.gateway = 0
                changed = self._detected("consecutive_gateway_failure", host, record, now)
        else:
            record.gateway = 0
        record.status_5xx += 1
        if record.status_5xx == rules.consecutive_5xx:
            record.status_5xx = 0
            changed = self._detected("consecutive_5xx", host, record, now) or changed
        return changed

    def failed(self, host: Host, now: float, *, timeout: bool = False) -> bool:
        """No response: connect failure, reset or time-out."""
        if not self.rules.split:
            return self.responded(host, TIMEOUT_STATUS if timeout else CONNECT_FAILED_STATUS, now)
        record = self._record(host)
        record.local.total += 1
        record.local_failures += 1
        if record.local_failures != self.rules.consecutive_local_origin_failure:
            return False
        record.local_failures = 0
        return self._detected("consecutive_local_origin_failure", host, record, now)

    def connected(self, host: Host) -> None:
        """A connection to it was there for a request: local success, which only counts when kept apart."""
        if self.rules.split:
            record = self._record(host)
            record.local.total += 1
            record.local.good += 1
            record.local_failures = 0

    # Ejections

    def _detected(self, kind: str, host: Host, record: _Record, now: float) -> bool:
        if host.ejected_until_s:
            return False
        self._count(f"ejections_detected_{kind}")
        old = kind in _OLDER
        if old:
            self._count(f"ejections_{kind}")
        if not self._may_eject():
            self._count("ejections_overflow")
            return False
        if old:
            self._count("ejections_total")
        enforcing = self._enforcing.get(kind, 100)
        if enforcing < 100 and self._rng.random() * 100 >= enforcing:
            return False
        self._count(f"ejections_enforced_{kind}")
        self._count("ejections_enforced_total")
        self._eject(host, record, now)
        return True

    def _may_eject(self) -> bool:
        if self.rules.always_one and not self.ejected:
            return True
        return 100 * (self.ejected + 1) <= self.rules.max_ejection_percent * len(self.hosts.all)

    def _eject(self, host: Host, record: _Record, now: float) -> None:
        rules = self.rules
        longest = max(rules.max_ejection_s, rules.base_ejection_s)
        if record.multiplier * rules.base_ejection_s < longest:
            record.multiplier += 1
        jitter = self._rng.random() * rules.jitter_s if rules.jitter_s else 0.0
        host.ejected_until_s = now + min(rules.base_ejection_s * record.multiplier, longest) + jitter
        self.ejected += 1

    def uneject(self, host: Host) -> None:
        """Its time is over, or an active health check found it well."""
        host.ejected_until_s = 0.0
        self.ejected -= 1
        record = self._record(host)
        record.status_5xx = record.gateway = record.local_failures = 0

    def left(self, hosts: tuple[Host, ...]) -> None:
        for host in hosts:
            self._records.pop(host, None)
            if host.ejected_until_s:
                self.ejected -= 1

    # Sweeps

    def sweep(self, now: float) -> bool:
        """Once each interval."""
        changed = False
        ended = [host for host in self.hosts.all if host.ejected_until_s and now >= host.ejected_until_s]
        for host in ended:
            self.uneject(host)
            changed = True
        for host in self.hosts.all:
            host.success_rate = -1.0
        for prefix in ("", "local_origin_") if self.rules.split else ("",):
            changed = self._judge(prefix, now) or changed
        for host in self.hosts.all:
            record = self._records.get(host)
            if record is not None:
                record.external, record.local = _Window(), _Window()
                if not host.ejected_until_s and record.multiplier and host not in ended:
                    record.multiplier -= 1
        return changed

    def _judge(self, prefix: str, now: float) -> bool:
        """Whose success rate is far below the others', and whose failures are too many."""
        rules = self.rules
        rated = self._rated(local=bool(prefix))
        by_rate = [one for one in rated if one.requests >= rules.success_rate_requests]
        by_failures = [one for one in rated if one.requests >= rules.failure_requests]
        changed = False
        if by_rate and len(by_rate) >= rules.success_rate_hosts:
            threshold = success_rate_threshold([one.success_rate for one in by_rate], rules.success_rate_factor)
            for one in by_rate:
                if one.success_rate < threshold:
                    changed = self._detected(f"{prefix}success_rate", one.host, one.record, now) or changed
        if by_failures and len(by_failures) >= rules.failure_hosts:
            for one in by_failures:
                if 100 - one.success_rate >= rules.failure_percentage:
                    changed = self._detected(f"{prefix}failure_percentage", one.host, one.record, now) or changed
        return changed

    def _rated(self, *, local: bool) -> list[_Rated]:
        rules = self.rules
        if len(self.hosts.all) < min(rules.success_rate_hosts, rules.failure_hosts):
            return []
        rated = []
        for host in self.hosts.all:
            record = self._records.get(host)
            if record is None or host.ejected_until_s:
                continue
            window = record.local if local else record.external
            if window.total and window.total >= min(rules.success_rate_requests, rules.failure_requests):
                rated.append(_Rated(host, record, 100 * window.good / window.total, window.total))
                if not local:
                    host.success_rate = rated[-1].success_rate
        return rated


def success_rate_threshold(rates: list[float], factor: float) -> float:
    """Mean less `factor` standard deviations of the population."""
    mean = sum(rates) / len(rates)
    deviation = sqrt(sum((rate - mean) ** 2 for rate in rates) / len(rates))
    return mean - factor * deviation
