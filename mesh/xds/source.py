"""The control plane's view of the Kubernetes API: an informer for each kind that a configuration is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from mesh.istio.mesh_config import MeshConfig
from mesh.kube.client import Client
from mesh.kube.informer import Informer
from mesh.kube.kinds import (
    CONFIG_MAP,
    DESTINATION_RULE,
    ENDPOINT_SLICE,
    GATEWAY,
    NAMESPACE,
    NODE,
    PEER_AUTHENTICATION,
    POD,
    SECRET,
    SERVICE,
    SERVICE_ENTRY,
    VIRTUAL_SERVICE,
    Kind,
)
from mesh.kube.objects import Object, namespace_of, resource_version_of
from mesh.registry.model import Workload
from mesh.registry.state import MeshState
from mesh.xds.relevance import matters
from mesh.xds.withdrawals import Withdrawals

KINDS: tuple[Kind, ...] = (
    NAMESPACE, NODE, SERVICE, POD, ENDPOINT_SLICE, SECRET, CONFIG_MAP,
    VIRTUAL_SERVICE, DESTINATION_RULE, SERVICE_ENTRY, GATEWAY, PEER_AUTHENTICATION,
)  # fmt: skip
NAMESPACE_OF = {"ConfigMap": "istio-system"}
"""Where only one namespace is watched."""

ENDPOINT_KINDS = frozenset({"EndpointSlice", "Pod"})
"""A change of these alone leaves the configuration as it is."""


class StateSource:
    """`on_change()` is called for every change that needs a new state."""

    def __init__(self, client: Client, withdrawals: Withdrawals) -> None:
        self.informers = {
            kind.kind: Informer(client, kind, namespace=NAMESPACE_OF.get(kind.kind, "")) for kind in KINDS
        }
        self.on_change: Callable[[], None] = lambda: None
        self.state: MeshState | None = None
        self._withdrawals = withdrawals
        self._changed: set[str] = set(self.informers)
        self._revision = 0
        for kind, informer in self.informers.items():
            informer.add_handler(self._handler(kind))

    async def start(self) -> None:
        """Returns when every kind is listed."""
        for informer in self.informers.values():
            informer.start()
        await asyncio.gather(*(informer.synced() for informer in self.informers.values()))

    async def stop(self) -> None:
        await asyncio.gather(*(informer.stop() for informer in self.informers.values()))

    @property
    def version(self) -> str:
        """The newest resourceVersion seen; "0" where the server's are not numbers."""
        return str(self._revision)

    def objects(self, kind: str) -> Iterable[Object]:
        return self.informers[kind].store.values()

    def workloads(self) -> Mapping[tuple[str, str], Workload]:
        return self.state.workloads if self.state is not None else {}

    def has_pod_of(self, namespace: str, service_account: str) -> bool:
        """True while a pod that has not ended runs as this ServiceAccount."""
        return any(
            namespace_of(pod) == namespace
            and ((pod.get("spec") or {}).get("serviceAccountName") or "default") == service_account
            and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
            for pod in self.objects("Pod")
        )

    @property
    def mesh_config(self) -> MeshConfig:
        return self.state.mesh_config if self.state is not None else MeshConfig()

    def touch(self) -> None:
        """Endpoints differ although no object changed: a pod was withdrawn."""
        self._changed.add("EndpointSlice")
        self.on_change()

    def build(self) -> MeshState:
        """The state as of now; cheap when only endpoints changed since the last one."""
        changed, self._changed = self._changed, set()
        slices = self._withdrawals.without(self.objects("EndpointSlice"))
        if self.state is not None and changed <= ENDPOINT_KINDS:
            self.state = self.state.with_endpoints(slices=slices, pods=list(self.objects("Pod")))
        else:
            objects: dict[str, Iterable[Object]] = {kind: list(self.objects(kind)) for kind in self.informers}
            objects["EndpointSlice"] = slices
            self.state = MeshState.build(objects)
        return self.state

    def _handler(self, kind: str) -> Callable[[Object | None, Object | None], None]:
        def changed(old: Object | None, new: Object | None) -> None:
            revision = resource_version_of(new or old or {})
            if revision.isdigit():
                self._revision = max(self._revision, int(revision))
            if matters(kind, old, new):
                self._changed.add(kind)
                self.on_change()

        return changed
