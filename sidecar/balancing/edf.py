"""Earliest deadline first: each entry comes as often as its weight says, spread evenly (Envoy's EdfScheduler)."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Edf(Generic[T]):
    """`pick` takes the entry whose turn is next; its weight is asked for anew each time it is put back."""

    __slots__ = ("_heap", "_order", "_weight")

    def __init__(
        self, entries: Sequence[T], weight: Callable[[T, float], float], rng: random.Random, now: float = 0.0
    ) -> None:
        """Entries must not be empty, and their weights positive. It starts at a random point of its sequence, so that
        proxies do not march in step."""
        self._weight = weight
        self._order = len(entries)
        start = rng.random()
        self._heap: list[tuple[float, int, T]] = []
        for index, entry in enumerate(entries):
            share = weight(entry, now)
            self._heap.append((((start * share) // 1 + 1) / share, index, entry))
        heapq.heapify(self._heap)

    def pick(self, now: float = 0.0) -> T:
        deadline, _, entry = self._heap[0]
        self._order += 1  # among equals, who waited longest
        heapq.heapreplace(self._heap, (deadline + 1 / self._weight(entry, now), self._order, entry))
        return entry
