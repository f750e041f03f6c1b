"""What health checks make of a host: thresholds, and how long until the next check.

Envoy's rules (docs: intro/arch_overview/upstream/health_checking; source/extensions/health_checkers/common). A host
is unhealthy until its first success, which suffices alone; an answer that says no ends it at once, while connections
that fail count up to the threshold.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum, auto


class Verdict(Enum):
    """Of one check."""

    SUCCESS = auto()
    FAILURE = auto()
    """An answer that was not expected."""
    RETRIABLE = auto()
    """An answer that was not expected, but may pass."""
    NETWORK = auto()
    """No connection, no answer, or none in time."""


class Change(Enum):
    UNCHANGED = auto()
    PENDING = auto()
    """On the way to the threshold."""
    CHANGED = auto()


@dataclass(frozen=True, slots=True)
class HealthRules:
    interval_s: float
    unhealthy_threshold: int
    healthy_threshold: int
    unhealthy_interval_s: float
    unhealthy_edge_s: float
    healthy_edge_s: float
    no_traffic_s: float
    no_traffic_healthy_s: float
    initial_jitter_s: float = 0.0
    jitter_s: float = 0.0
    jitter_percent: int = 0

    def delay_s(self, *, passed: bool, change: Change, traffic: bool, rng: random.Random) -> float:
        """Until the next check; `traffic`: the cluster has ever had a connection."""
        pending = change is Change.PENDING
        if not traffic:
            base = self.no_traffic_healthy_s if passed and not pending else self.no_traffic_s
        elif passed:
            base = self.healthy_edge_s if pending else self.interval_s
        else:
            base = self.unhealthy_edge_s if pending else self.unhealthy_interval_s
        return base + rng.random() * base * self.jitter_percent / 100 + rng.random() * self.jitter_s


class HealthState:
    """Of one host and one health check."""

    __slots__ = ("_failures", "_successes", "failed", "first")

    def __init__(self, *, failed: bool = True) -> None:
        self.failed = failed
        self.first = True
        """No check has ended yet."""
        self._failures = self._successes = 0

    def observe(self, verdict: Verdict, rules: HealthRules) -> Change:
        first, self.first = self.first, False
        if verdict is Verdict.SUCCESS:
            self._failures = 0
            if not self.failed:
                return Change.UNCHANGED
            self._successes += 1
            if not first and self._successes < rules.healthy_threshold:
                return Change.PENDING
            self.failed = False
            return Change.CHANGED
        self._successes = 0
        if self.failed:
            return Change.UNCHANGED
        self._failures += 1
        if verdict is not Verdict.FAILURE and self._failures < rules.unhealthy_threshold:
            return Change.PENDING
        self._failures = 0
        self.failed = True
        return Change.CHANGED

    def fail_now(self) -> bool:
        """A response to ordinary traffic said so (`x-envoy-immediate-health-check-fail`). True = that is news."""
        was, self.failed = self.failed, True
        self._successes = self._failures = 0
        return not was
