"""This machine as a Node: registered once, its Lease renewed, so that clients see it Ready."""

from __future__ import annotations

import asyncio
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import LEASE, NODE
from mesh.kube.objects import Object

LEASE_SECONDS = 40
RENEW_INTERVAL_S = 10.0
PODS_MAX = 250
NODE_IP = "127.0.0.1"


def node_object(name: str, pod_cidr: str) -> Object:
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "node-role.kubernetes.io/control-plane": "",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": pod_cidr, "podCIDRs": [pod_cidr]},
    }


def node_status(name: str, now: str, before: dict[str, Any]) -> dict[str, Any]:
    """Capacity as the machine has it; Ready since the first time it was."""
    memory_kib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    capacity = {"cpu": str(os.cpu_count() or 1), "memory": f"{memory_kib}Ki", "pods": str(PODS_MAX)}
    ready: dict[str, Any] = next((found for found in before.get("conditions") or [] if found["type"] == "Ready"), {})
    return {
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [{"type": "InternalIP", "address": NODE_IP}, {"type": "Hostname", "address": name}],
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "KubeletReady",
                "message": "kubelet is posting ready status",
                "lastHeartbeatTime": now,
                "lastTransitionTime": ready.get("lastTransitionTime") or now,
            }
        ],
        "nodeInfo": {
            "machineID": "",
            "systemUUID": "",
            "bootID": "",
            "kernelVersion": platform.release(),
            "osImage": os_image(),
            "containerRuntimeVersion": f"pocketmesh://{version('pocketmesh')}",
            "kubeletVersion": f"v1.32.0+pocketmesh-{version('pocketmesh')}",
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": node_object(name, "")["metadata"]["labels"]["kubernetes.io/arch"],
        },
    }


def os_image(path: Path = Path("/etc/os-release")) -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return "Linux"
    return next((line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), "Linux")


class NodeRegistration:
    """`register` once, then `run` until cancelled."""

    def __init__(self, client: Client, name: str, pod_cidr: str) -> None:
        self._client = client
        self._name = name
        self._pod_cidr = pod_cidr

    async def register(self) -> None:
        try:
            node = await self._client.create(NODE, node_object(self._name, self._pod_cidr))
        except ApiError as failure:
            if not failure.already_exists:
                raise
            node = await self._client.get(NODE, self._name)
        await self._post_status(node)
        await self._renew()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(RENEW_INTERVAL_S)
            await self._renew()

    async def _post_status(self, node: Object) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = node_status(self._name, now, node.get("status") or {})
        await self._client.update(NODE, {**node, "status": status}, subresource="status")

    async def _renew(self) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": self._name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name},
            "spec": spec,
        }
        try:
            await self._client.patch(LEASE, self._name, {"spec": spec}, "kube-node-lease")
        except ApiError as failure:
            if not failure.not_found:
                raise
            await self._client.create(LEASE, lease, "kube-node-lease")
