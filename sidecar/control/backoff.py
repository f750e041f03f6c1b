"""How long to wait before the next try: doubling, capped, with jitter, so that many proxies do not return at once."""

from __future__ import annotations

import random


class Backoff:
    """Full jitter between half and all of the step."""

    def __init__(self, rng: random.Random, *, first_s: float, max_s: float) -> None:
        self._rng = rng
        self._first_s = first_s
        self._max_s = max_s
        self._failures = 0

    def failed(self) -> float:
        """The pause after one more failure, in seconds."""
        step = min(self._max_s, self._first_s * float(2 ** min(self._failures, 30)))
        self._failures += 1
        return step * self._rng.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        self._failures = 0
