"""This machine as a Node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mesh.kube.kinds import LEASE, NODE
from orchestrator.controllers.node import NODE_IP, NodeRegistration, node_object, node_status, os_image
from orchestrator.controllers.pods import condition


def test_object_and_status() -> None:
    node = node_object("mesh", "10.244.0.0/16")
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "mesh"
    status = node_status("mesh", "2024-01-02T00:00:00Z", {})
    assert {"type": "InternalIP", "address": NODE_IP} in status["addresses"]
    assert int(status["capacity"]["cpu"]) >= 1
    again = node_status("mesh", "2024-01-03T00:00:00Z", status)
    assert again["conditions"][0]["lastTransitionTime"] == "2024-01-02T00:00:00Z"


def test_os_image(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('NAME="X"\nPRETTY_NAME="X 1.0"\n')
    assert os_image(release) == "X 1.0"
    assert os_image(tmp_path / "missing") == "Linux"


async def test_registers_once_and_holds_a_lease(cluster: Any) -> None:
    for _ in range(2):  # the second time is a restart
        await NodeRegistration(cluster.client, "mesh", "10.244.0.0/16").register()
    node = await cluster.get(NODE, "mesh")
    assert condition(node, "Ready")["status"] == "True"
    lease = await cluster.get(LEASE, "mesh", "kube-node-lease")
    assert lease["spec"]["holderIdentity"] == "mesh"
