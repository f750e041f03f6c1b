"""Pods that asked to be taken out of every proxy's endpoints before they stop. Pure: `now` is an argument.

Kubernetes marks a deleted pod's endpoints as terminating by itself, some time later. A withdrawal does not wait for
that: the pod's addresses are left out from the moment its preStop hook asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mesh.kube.objects import Object

RESTART_HOLD_S = 30.0
"""For a pod that is not being deleted: its preStop ran because a probe failed, it will be back, and by then its
readiness has taken over."""


class Withdrawals:
    """Pods by uid; the value is when the withdrawal ends, None = when the pod is gone."""

    def __init__(self) -> None:
        self._until: dict[str, float | None] = {}

    def add(self, uid: str, *, until: float | None) -> None:
        self._until[uid] = until

    def forget(self, uid: str) -> bool:
        """True when the pod was withdrawn."""
        return self._until.pop(uid, self) is not self

    def expire(self, now: float) -> bool:
        """Drops what is over; True when anything was."""
        over = [uid for uid, until in self._until.items() if until is not None and until <= now]
        for uid in over:
            del self._until[uid]
        return bool(over)

    def __len__(self) -> int:
        return len(self._until)

    def without(self, slices: Iterable[Object]) -> list[Object]:
        """The EndpointSlices without the withdrawn pods' endpoints; untouched ones are the same objects."""
        if not self._until:
            return list(slices)
        return [self._filtered(one) for one in slices]

    def _filtered(self, endpoint_slice: Object) -> Object:
        endpoints: list[dict[str, Any]] = endpoint_slice.get("endpoints") or []
        kept = [one for one in endpoints if (one.get("targetRef") or {}).get("uid") not in self._until]
        return endpoint_slice if len(kept) == len(endpoints) else {**endpoint_slice, "endpoints": kept}
