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


def test_adopting_new_maxima_keeps_what_is_under_way() -> None:
    limits = Limits(max_requests=5)
    assert limits.requests.take()
    limits.adopt(Limits(max_requests=1, max_retries=0))
    assert (limits.requests.count, limits.requests.maximum, limits.retries.maximum) == (1, 1, 0)
    assert limits.connections.maximum == 1024
