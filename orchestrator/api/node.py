"""What the API server asks of the node that runs a pod."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from mesh.kube.objects import Object
from orchestrator.runtimes.base import Session


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

    def execute(self, pod: Object, container: str, argv: Sequence[str], *, terminal: bool) -> Session:
        """Start a command in a running container; `ApiError` when the container does not run here."""
        ...

    async def connect(self, pod: Object, port: int) -> socket.socket:
        """A connected, non-blocking TCP socket to the port inside the pod; `ApiError` or `OSError` else."""
        ...
