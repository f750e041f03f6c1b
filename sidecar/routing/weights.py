"""Weighted choice that is exact: in every window of sum/gcd draws each option comes as often as its weight says.

Smooth weighted round robin (nginx's algorithm): each draw every option gains its weight, the richest is taken and
pays the sum. The sequence has the period sum/gcd, so any window of that length holds exactly one period's counts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import islice
from math import gcd

PERIOD_PRECOMPUTED_MAX = 4096
"""Longer sequences are made as they go, a step for each option a draw."""


def smooth_sequence(weights: Sequence[int]) -> Iterator[int]:
    """Indices of options for ever; options of weight 0 never come."""
    options = [(index, weight) for index, weight in enumerate(weights) if weight]
    current = [0] * len(weights)
    total = sum(weights)
    while True:
        best = -1
        for index, weight in options:
            current[index] += weight
            if best < 0 or current[index] > current[best]:
                best = index
        current[best] -= total
        yield best


class WeightedDraw:
    """`draw()` -> index of the next option. Not the same as chance: two proxies start at different places."""

    __slots__ = ("_next", "_sequence", "draw", "period", "weights")

    def __init__(self, weights: Sequence[int], rng: random.Random) -> None:
        assert weights and min(weights) >= 0 and sum(weights) > 0, "configuration let through weights without a sum"
        self.weights = tuple(weights)
        divisor = gcd(*weights)
        reduced = [weight // divisor for weight in weights]
        self.period = sum(reduced)
        self._next = 0
        self._sequence: tuple[int, ...] = ()
        sequence = smooth_sequence(reduced)
        if self.period > PERIOD_PRECOMPUTED_MAX:
            for _ in islice(sequence, rng.randrange(PERIOD_PRECOMPUTED_MAX)):
                pass
            self.draw = sequence.__next__
            return
        start = rng.randrange(self.period)
        once = tuple(islice(sequence, self.period))
        self._sequence = once[start:] + once[:start]
        self.draw = self._draw_precomputed

    def _draw_precomputed(self) -> int:
        position = self._next
        self._next = position + 1 if position + 1 < self.period else 0
        return self._sequence[position]
