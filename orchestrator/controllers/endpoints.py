"""Keeps the EndpointSlices and Endpoints of every Service that has a selector."""

from __future__ import annotations

from mesh.kube.errors import ApiError
from mesh.kube.kinds import ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE, Kind
from mesh.kube.objects import Key, Object, key_of, labels_of, name_of, namespace_of
from mesh.kube.selectors import from_map
from orchestrator.controllers.controller import Controller, Informers
from orchestrator.controllers.endpoints_plan import MANAGED_BY, endpoints, selected, slices

COMPARED = ("addressType", "ports", "endpoints", "subsets")


class EndpointsController(Controller):
    name = "endpoints"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._services = informers.of(SERVICE)
        self._pods = informers.of(POD)
        self._slices = informers.of(ENDPOINT_SLICE)
        self._endpoints = informers.of(ENDPOINTS)
        self._services.add_handler(lambda old, new: self.queue.add(key_of(new or old or {})))
        self._pods.add_handler(self._pod_changed)
        self._slices.add_handler(self._slice_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        for pod in (old, new):
            if pod is None:
                continue
            labels, namespace = labels_of(pod), namespace_of(pod)
            for key, service in self._services.store.items():
                selector = service["spec"].get("selector")
                if key[0] == namespace and selector and from_map(selector).matches(labels):
                    self.queue.add(key)

    def _slice_changed(self, old: Object | None, new: Object | None) -> None:
        found = new or old or {}
        if service := labels_of(found).get("kubernetes.io/service-name"):
            self.queue.add((namespace_of(found), service))

    async def reconcile(self, key: Key) -> None:
        service = self._services.store.get(key)
        if service is None or not service["spec"].get("selector"):
            return  # gone with its owner, or somebody else's to fill
        pods = selected(service, self._pods.store.values())
        wanted = slices(service, pods)
        names = {name_of(found) for found in wanted}
        for found in wanted:
            await self._ensure(ENDPOINT_SLICE, self._slices.store.get(key_of(found)), found)
        for found in list(self._slices.store.values()):
            if self._ours(found, key) and name_of(found) not in names:
                await self.client.delete(ENDPOINT_SLICE, name_of(found), namespace_of(found))
        await self._ensure(ENDPOINTS, self._endpoints.store.get(key), endpoints(service, pods))

    @staticmethod
    def _ours(found: Object, key: Key) -> bool:
        labels = labels_of(found)
        return (
            namespace_of(found) == key[0]
            and labels.get("kubernetes.io/service-name") == key[1]
            and labels.get("endpointslice.kubernetes.io/managed-by") == MANAGED_BY
        )

    async def _ensure(self, kind: Kind, live: Object | None, wanted: Object) -> None:
        if live is None:
            try:
                await self.client.create(kind, wanted, namespace_of(wanted))
            except ApiError as failure:
                if not failure.already_exists:
                    raise
                live = await self.client.get(kind, name_of(wanted), namespace_of(wanted))
            else:
                return
        if any((live.get(part) or []) != (wanted.get(part) or []) for part in COMPARED if part != "addressType"):
            await self.client.update(kind, {**wanted, "metadata": {**live["metadata"], **_meta(wanted)}})


def _meta(wanted: Object) -> Object:
    return {key: value for key, value in wanted["metadata"].items() if key in {"labels", "ownerReferences"}}
