"""Passive health: hosts that keep failing are left alone for a while.

Envoy's outlier detection (docs: intro/arch_overview/upstream/outlier): consecutive errors eject at once, for the
base time multiplied by how often the host was ejected before (at most 300 s or the base time), never more than
`max_ejection_percent` of the hosts, though one may always go, as Istio assumes. A sweep every interval lets hosts
back in, and lets the multiplier of hosts that behaved decay.
"""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.balancing.hosts import Host, HostSet

INTERVAL_S = 10.0
BASE_EJECTION_S = 30.0
MAX_EJECTION_S = 300.0
MAX_EJECTION_PERCENT = 10
CONSECUTIVE = 5
GATEWAY_STATUSES = frozenset({502, 503, 504})
LOCAL_ORIGIN_STATUS = 503
"""What a failure without a response (connect failure, reset, timeout) counts as."""


@dataclass(frozen=True, slots=True)
class OutlierRules:
    """0 consecutive errors = that detector is off."""

    consecutive_5xx: int = CONSECUTIVE
    consecutive_gateway_failure: int = 0
    interval_s: float = INTERVAL_S
    base_ejection_s: float = BASE_EJECTION_S
    max_ejection_s: float = MAX_EJECTION_S
    max_ejection_percent: int = MAX_EJECTION_PERCENT


class _Record:
    __slots__ = ("consecutive_5xx", "consecutive_gateway", "ejections")

    def __init__(self) -> None:
        self.consecutive_5xx = 0
        self.consecutive_gateway = 0
        self.ejections = 0


class OutlierDetector:
    """Watches the outcomes of one cluster. `observe` and `sweep` return True when the candidates changed."""

    __slots__ = ("_next_sweep_s", "_records", "ejections_total", "hosts", "rules")

    def __init__(self, rules: OutlierRules, hosts: HostSet) -> None:
        self.rules = rules
        self.hosts = hosts
        self.ejections_total = 0
        self._records: dict[str, _Record] = {}
        self._next_sweep_s = 0.0

    def observe(self, host: Host, status: int, now: float) -> bool:
        """The status of one attempt; a failure without a response is `LOCAL_ORIGIN_STATUS`."""
        if status < 500:
            if record := self._records.get(host.key):
                record.consecutive_5xx = record.consecutive_gateway = 0
            return False
        record = self._records.setdefault(host.key, _Record())
        record.consecutive_5xx += 1
        record.consecutive_gateway = record.consecutive_gateway + 1 if status in GATEWAY_STATUSES else 0
        rules = self.rules
        over = (rules.consecutive_5xx and record.consecutive_5xx >= rules.consecutive_5xx) or (
            rules.consecutive_gateway_failure and record.consecutive_gateway >= rules.consecutive_gateway_failure
        )
        return bool(over) and self._eject(host, record, now)

    def _eject(self, host: Host, record: _Record, now: float) -> bool:
        record.consecutive_5xx = record.consecutive_gateway = 0
        if host.ejected_until_s:
            return False
        ejected = sum(1 for other in self.hosts.all if other.ejected_until_s)
        allowed = max(1, len(self.hosts.all) * self.rules.max_ejection_percent // 100)
        if ejected >= allowed:
            return False
        record.ejections += 1
        longest = max(self.rules.max_ejection_s, self.rules.base_ejection_s)
        host.ejected_until_s = now + min(self.rules.base_ejection_s * record.ejections, longest)
        self.ejections_total += 1
        self.hosts.refresh()
        return True

    def sweep(self, now: float) -> bool:
        """Call at least every interval; hosts whose time is over come back."""
        if now < self._next_sweep_s:
            return False
        self._next_sweep_s = now + self.rules.interval_s
        present = {host.key for host in self.hosts.all}
        self._records = {key: record for key, record in self._records.items() if key in present}
        returned = False
        for host in self.hosts.all:
            if host.ejected_until_s and now >= host.ejected_until_s:
                host.ejected_until_s = 0.0
                returned = True
            elif not host.ejected_until_s and (record := self._records.get(host.key)) and record.ejections:
                record.ejections -= 1
        if returned:
            self.hosts.refresh()
        return returned
