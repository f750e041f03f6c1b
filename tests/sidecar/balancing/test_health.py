"""Thresholds as a table of verdicts, and the interval that follows each."""

from __future__ import annotations

import random

import pytest

from sidecar.balancing.health import Change, HealthRules, HealthState, Verdict

RULES = HealthRules(
    interval_s=10,
    unhealthy_threshold=3,
    healthy_threshold=2,
    unhealthy_interval_s=20,
    unhealthy_edge_s=2,
    healthy_edge_s=1,
    no_traffic_s=60,
    no_traffic_healthy_s=30,
)
WORDS = {"+": Verdict.SUCCESS, "-": Verdict.FAILURE, "r": Verdict.RETRIABLE, "n": Verdict.NETWORK}
CHANGES = {Change.UNCHANGED: ".", Change.PENDING: "p", Change.CHANGED: "C"}


@pytest.mark.parametrize(
    ("verdicts", "changes", "failed"),
    [
        ("+", "C", False),  # the first success suffices
        ("-", ".", True),  # it was not healthy before
        ("-+", ".p", True),
        ("-++", ".pC", False),
        ("-+-++", ".p.pC", False),
        ("+-", "CC", True),  # an answer that says no ends it at once
        ("+nn", "Cpp", False),
        ("+nnn", "CppC", True),
        ("+nn+nn", "Cpp.pp", False),
        ("+rrr", "CppC", True),
        ("+nn-", "CppC", True),
        ("+-++", "CCpC", False),
        ("n+", ".p", True),
    ],
)
def test_thresholds(verdicts: str, changes: str, failed: bool) -> None:
    state = HealthState()
    assert "".join(CHANGES[state.observe(WORDS[one], RULES)] for one in verdicts) == changes
    assert state.failed == failed
    assert not state.first


@pytest.mark.parametrize(
    ("passed", "change", "traffic", "delay"),
    [
        (True, Change.UNCHANGED, True, 10),
        (True, Change.CHANGED, True, 10),
        (True, Change.PENDING, True, 1),
        (False, Change.UNCHANGED, True, 20),
        (False, Change.PENDING, True, 2),
        (True, Change.UNCHANGED, False, 30),
        (True, Change.PENDING, False, 60),
        (False, Change.UNCHANGED, False, 60),
    ],
)
def test_intervals(passed: bool, change: Change, traffic: bool, delay: float) -> None:
    assert RULES.delay_s(passed=passed, change=change, traffic=traffic, rng=random.Random(1)) == delay


def test_jitter() -> None:
    rules = HealthRules(10, 1, 1, 10, 10, 10, 60, 60, jitter_s=5, jitter_percent=50)
    rng = random.Random(1)
    delays = [rules.delay_s(passed=True, change=Change.UNCHANGED, traffic=True, rng=rng) for _ in range(500)]
    assert 10 <= min(delays) < 11.5
    assert 18.5 < max(delays) <= 20


def test_traffic_can_say_so() -> None:
    state = HealthState()
    assert not state.fail_now()
    state.observe(Verdict.SUCCESS, RULES)
    assert state.fail_now()
    assert state.failed
    assert state.observe(Verdict.SUCCESS, RULES) is Change.PENDING
