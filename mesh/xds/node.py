"""Who a proxy says it is, held against what its certificate proves.

A certificate proves a ServiceAccount, not a pod. So a node id is believed when such a pod exists, has that address and
runs as the certificate's ServiceAccount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mesh.ca.identity import Identity
from mesh.registry.model import Workload

KINDS = frozenset({"sidecar", "router"})


@dataclass(frozen=True, slots=True)
class Node:
    """`sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local`, Istio's node id."""

    kind: str
    ip: str
    pod: str
    namespace: str

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.pod

    @property
    def name(self) -> str:
        """`POD.NAMESPACE`, as proxy-status shows it."""
        return f"{self.pod}.{self.namespace}"


def parse_node(node_id: str) -> Node | None:
    """None = not a node id. A pod's name may hold dots, a namespace's cannot."""
    parts = node_id.split("~")
    if len(parts) != 4 or parts[0] not in KINDS:
        return None
    pod, separator, namespace = parts[2].rpartition(".")
    return Node(parts[0], parts[1], pod, namespace) if separator and pod and namespace else None


def check_node(node: Node, identity: Identity, workloads: Mapping[tuple[str, str], Workload]) -> Workload | str:
    """The workload that the node is, or why it is not believed."""
    if node.namespace != identity.namespace:
        return f"node {node.name}: the certificate is of {identity}"
    workload = workloads.get(node.key)
    if workload is None:
        return f"node {node.name}: no such pod"
    if workload.service_account != identity.service_account:
        return f"node {node.name}: the certificate is of {identity}"
    if workload.ip != node.ip:
        return f"node {node.name}: the pod's address is {workload.ip}, not {node.ip}"
    if workload.kind != node.kind:
        return f"node {node.name}: the pod is a {workload.kind}, not a {node.kind}"
    return workload
