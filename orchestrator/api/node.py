"""What the API server asks of the node that runs a pod."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from mesh.kube.objects import Object


class NodeBackend(Protocol):
    """Implemented by the kubelet. A refusal is an `ApiError` (400 for a container that has no log yet), raised by
    the first step of the iterator so that the server can still answer with a Status."""

    def logs(
        self,
        pod: Object,
        container: str,
        *,
        follow: bool = False,
        previous: bool = False,
        tail_lines: int | None = None,
        since_seconds: float | None = None,
        timestamps: bool = False,
        limit_bytes: int | None = None,
    ) -> AsyncIterator[bytes]: ...
