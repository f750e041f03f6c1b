"""A node for the API server's tests: real containers in a real sandbox, and no kubelet around them."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence

from mesh.kube.objects import Object
from orchestrator.runtimes.base import ContainerSpec, Sandbox, Session

CONNECT_TIMEOUT_S = 5.0


class PodNode:
    """Implements `orchestrator.api.node.NodeBackend` for pods that all live in one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def run(self, name: str, *argv: str) -> None:
        await self.sandbox.start_container(ContainerSpec(name, argv, f"{name}/0.log"))

    async def logs(
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
    ) -> AsyncIterator[bytes]:
        raise NotImplementedError
        yield b""

    def execute(self, pod: Object, container: str, argv: Sequence[str], *, terminal: bool) -> Session:
        return self.sandbox.attached(container, argv, terminal=terminal)

    async def connect(self, pod: Object, port: int) -> socket.socket:
        return await self.sandbox.connect(port, timeout_s=CONNECT_TIMEOUT_S)
