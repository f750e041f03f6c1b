"""Breakers count what is under way and refuse what is over."""

from __future__ import annotations

import pytest

from sidecar.balancing.limits import Breaker, Limits


def test_take_give_overflow() -> None:
    breaker = Breaker(2)
    assert [breaker.take(), breaker.take(), breaker.take()] == [True, True, False]
    breaker.give()
    assert breaker.take()
    assert breaker.overflows == 1


def test_giving_more_than_taken_is_a_broken_invariant() -> None:
    with pytest.raises(AssertionError):
        Breaker(1).give()


def test_zero_refuses_everything() -> None:
    assert not Breaker(0).take()


@pytest.mark.parametrize(
    ("under_way", "fraction", "least", "allowed"), [(0, 0.2, 3, 3), (14, 0.2, 3, 3), (20, 0.2, 3, 4), (20, 1.0, 0, 20)]
)
def test_retry_budget(under_way: int, fraction: float, least: int, allowed: int) -> None:
    limits = Limits(max_retries=1, retry_budget=(fraction, least))
    for _ in range(under_way):
        assert limits.requests.take()
    taken = sum(limits.retries.take() for _ in range(50))
    assert taken == allowed
    assert limits.retries.open
    limits.retries.give()
    assert limits.retries.take()


def test_what_remains() -> None:
    breaker = Breaker(2)
    assert (breaker.remaining, breaker.open) == (2, False)
    breaker.take()
    breaker.take()
    assert (breaker.remaining, breaker.open) == (0, True)
    breaker.maximum = 1
    assert breaker.remaining == 0
