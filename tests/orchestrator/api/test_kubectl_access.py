"""kubectl auth and drain with each kubectl: questions about access in JSON and in protobuf, evictions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mesh.kube.kinds import NODE, POD
from orchestrator.api.server import ApiServer
from tests.support.api_objects import pod
from tests.support.kubectl import VERSIONS, Kubectl, command, require

pytestmark = pytest.mark.integration

STORY = [
    ("auth can-i create deployments", 0, r"^yes\n$"),
    ("auth can-i delete pods --subresource=exec", 0, r"^yes\n$"),
    ("auth can-i get /version", 0, r"^yes\n$"),
    ("auth can-i --list", 0, r"\*\.\* +\[\] +\[\] +\[\*\]"),
    ("cordon n", 0, r"node/n cordoned"),
    ("drain n --force --grace-period=0 --timeout=15s", 0, r"evicting pod default/p(.|\n)*node/n drained"),
    ("get pods", 0, r"No resources found"),
    ("uncordon n", 0, r"node/n uncordoned"),
]  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
async def test_access_and_eviction(server: ApiServer, tmp_path: Path, version: str) -> None:
    kubectl: Kubectl = command(require(version), tmp_path)
    local = server.local_client
    await local.create(NODE, {"metadata": {"name": "n"}})
    made = pod("p")
    made["spec"] = {**made["spec"], "nodeName": "n", "terminationGracePeriodSeconds": 0}
    await local.create(POD, made, "default")
    for words, code, expected in STORY:
        result = await kubectl(*words.split(" "))
        assert result.code == code and re.search(expected, result.out + result.err), f"{words}: {result}"
