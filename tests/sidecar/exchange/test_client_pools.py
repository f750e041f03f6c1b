"""Pools by key: the same again, a bound, and whole hosts forgotten."""

from __future__ import annotations

import pytest

from sidecar.exchange import client_pools as module
from sidecar.exchange.client_pools import ClientPools


class FakePool:
    def __init__(self, *, unused: bool = True) -> None:
        self.unused = unused
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_the_same_key_is_the_same_pool() -> None:
    pools = ClientPools()
    first = pools.get("h", "a", FakePool)  # type: ignore[arg-type]
    assert pools.get("h", "a", FakePool) is first  # type: ignore[arg-type]
    assert pools.get("h", "b", FakePool) is not first  # type: ignore[arg-type]
    assert len(pools) == 2


def test_the_oldest_without_work_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POOLS_MAX", 4)
    monkeypatch.setattr(module, "POOLS_DROPPED", 2)
    pools = ClientPools()
    made = [FakePool(unused=number != 0) for number in range(4)]
    for number, pool in enumerate(made):
        pools.get("h", str(number), lambda pool=pool: pool)  # type: ignore[misc, arg-type]
    pools.get("h", "1", FakePool)  # type: ignore[arg-type]
    pools.get("h", "new", FakePool)  # type: ignore[arg-type]
    assert [pool.closed for pool in made] == [False, False, True, True]
    assert len(pools) == 3


def test_a_host_is_forgotten() -> None:
    pools = ClientPools()
    gone, kept = FakePool(), FakePool()
    pools.get("h", "a", lambda: gone)  # type: ignore[arg-type, return-value]
    pools.get("hh", "a", lambda: kept)  # type: ignore[arg-type, return-value]
    assert pools.of("h") == [gone]
    pools.forget("h")
    assert (gone.closed, kept.closed, len(pools)) == (True, False, 1)
