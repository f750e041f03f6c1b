"""Goal: what is wrong with a request is answered with a Status before any upgrade. Method: plain HTTPS requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import POD
from orchestrator.api.server import ApiServer
from tests.orchestrator.conftest import MakePod
from tests.support.api_objects import pod
from tests.support.pod_node import PodNode

pytestmark = pytest.mark.integration

REFUSED = [
    ("p/exec?command=a", 400, "at least 1 of stdin"),
    ("p/exec?stdout=true", 400, "must specify a command"),
    ("p/exec?command=a&stderr=true&tty=true&stdin=true", 400, "tty and stderr cannot both be true"),
    ("p/exec?command=a&stdout=true&container=x", 400, "container x is not valid for pod p"),
    ("p/exec?command=a&stdout=true", 500, 'container not found ("main")'),
    ("up/exec?command=a&stdout=true", 400, "over WebSocket (v5 or v4) only"),
    ("over/exec?command=a&stdout=true", 400, "current phase is Succeeded"),
    ("p/portforward?ports=80", 400, "over WebSocket only"),
    ("over/portforward?ports=80", 400, "pod is not running. Current status=Succeeded"),
    ("q/exec?command=a&stdout=true", 404, 'pods "q" not found'),
]  # fmt: skip


async def test_refusals(server: ApiServer, http: HttpClient, make_pod: MakePod, tmp_path: Path) -> None:
    local = server.local_client
    for name, phase in (("p", "Running"), ("up", "Running"), ("over", "Succeeded")):
        await local.create(POD, pod(name), "default")
        await local.patch(POD, name, {"status": {"phase": phase}}, "default", subresource="status")

    running = {"containerStatuses": [{"name": "main", "state": {"running": {}}}]}
    await local.patch(POD, "up", {"status": running}, "default", subresource="status")

    async def refused(path: str) -> dict[str, Any]:
        with pytest.raises(ApiError) as caught:
            bare, _, words = path.partition("?")
            query = dict(word.split("=") for word in words.split("&"))
            await http.request("GET", f"/api/v1/namespaces/default/pods/{bare}", query=query)
        return caught.value.status

    assert (await refused(REFUSED[0][0]))["code"] == 501  # no node yet
    server.set_node_backend(PodNode(await make_pod("10.244.0.42")))
    for path, code, message in REFUSED:
        status = await refused(path)
        assert status["code"] == code and message in status["message"], (path, status)
