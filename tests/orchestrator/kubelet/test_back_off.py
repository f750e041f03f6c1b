"""Back-off: Kubernetes' sequence, and when it is forgotten."""

from __future__ import annotations

from orchestrator.kubelet.back_off import FORGOTTEN_AFTER_S, BackOff


def test_the_sequence() -> None:
    back_off = BackOff()
    assert back_off.at_once
    assert [back_off.delay_s(1.0) for _ in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert not back_off.at_once


def test_a_long_run_is_forgiven() -> None:
    back_off = BackOff()
    for _ in range(4):
        back_off.delay_s(1.0)
    assert back_off.delay_s(FORGOTTEN_AFTER_S) == 0
    assert back_off.delay_s(1.0) == 10
