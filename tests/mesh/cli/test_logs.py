"""Which pod and container are meant, and the log as the server streams it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from orchestrator.api.server import ApiServer
from tests.mesh.cli.conftest import Cli

POD = """
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: two}, annotations: {kubectl.kubernetes.io/default-container: second}}
spec: {containers: [{name: first, image: a}, {name: second, image: a}]}
"""


class Backend:
    def logs(self, pod: dict[str, Any], container: str, **wanted: Any) -> AsyncIterator[bytes]:
        async def read() -> AsyncIterator[bytes]:
            yield f"{pod['metadata']['name']} {container} {wanted['tail_lines']} {wanted['previous']}\n".encode()

        return read()


async def test_logs(cli: Cli, api: ApiServer) -> None:
    api.set_node_backend(Backend())
    assert (await cli("apply", "-f", "-", stdin=POD)).code == 0
    assert (await cli("logs", "two")).out == "two second None False\n"
    assert (await cli("logs", "pod/two", "-c", "first", "--tail", "3", "-p")).out == "two first 3 True\n"
    assert (await cli("logs", "absent")).code == 1
    assert "cannot be had" in (await cli("logs", "svc/two")).err
