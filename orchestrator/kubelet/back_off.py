"""How long a container that ended waits until it is started again.

Kubernetes: at once the first time, then 10 s, doubled to at most 300 s; forgotten after 10 minutes of running.
"""

from __future__ import annotations

FIRST_S = 10.0
LONGEST_S = 300.0
FORGOTTEN_AFTER_S = 600.0


class BackOff:
    """Of one container, or of one image."""

    __slots__ = ("_next_s",)

    def __init__(self) -> None:
        self._next_s = 0.0

    @property
    def at_once(self) -> bool:
        """Whether the next start needs no waiting."""
        return not self._next_s

    def delay_s(self, ran_s: float) -> float:
        """After a run of `ran_s` seconds."""
        if ran_s >= FORGOTTEN_AFTER_S:
            self._next_s = 0.0
        delay = self._next_s
        self._next_s = min(delay * 2, LONGEST_S) if delay else FIRST_S
        return delay
