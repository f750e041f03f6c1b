"""Keeps ConfigMap `istio-ca-root-cert` in every namespace: what workloads must trust.

One key per namespace on a work queue: a new namespace, and any change or removal of the ConfigMap itself, puts the
right content back.
"""

from __future__ import annotations

import asyncio

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.informer import Informer
from mesh.kube.kinds import CONFIG_MAP
from mesh.kube.objects import Object, deleting, key_of, name_of
from mesh.kube.tasks import spawn
from mesh.kube.workqueue import WorkQueue, run_workers

NAME = "istio-ca-root-cert"
KEY = "root-cert.pem"
LABELS = {"istio.io/config": "true"}
WORKERS = 2


class RootPublisher:
    """`namespaces` is shared with others; the ConfigMaps' informer is its own, selected by name."""

    def __init__(self, client: Client, namespaces: Informer, *, root_pem: str) -> None:
        self._client = client
        self._namespaces = namespaces
        self._root_pem = root_pem
        self._queue: WorkQueue[str] = WorkQueue()
        self._config_maps = Informer(client, CONFIG_MAP, field_selector=f"metadata.name={NAME}")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when both informers are synced; the namespaces' one must be started by its owner."""
        self._config_maps.add_handler(self._config_map_changed)
        self._config_maps.start()
        await self._config_maps.synced()
        await self._namespaces.synced()
        self._namespaces.add_handler(self._namespace_changed)
        self._task = spawn(
            run_workers(self._queue, self.reconcile, workers=WORKERS, name="root-cert"), name="root-cert"
        )

    async def stop(self) -> None:
        self._queue.close()
        await self._config_maps.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def reconcile(self, namespace: str) -> None:
        owner = self._namespaces.store.get(("", namespace))
        if owner is None or deleting(owner):
            return
        current = self._config_maps.store.get((namespace, NAME))
        if current is not None and (current.get("data") or {}).get(KEY) == self._root_pem:
            return
        try:
            if current is None:
                await self._client.create(CONFIG_MAP, self._config_map(namespace), namespace)
            else:
                await self._client.patch(CONFIG_MAP, NAME, {"data": {KEY: self._root_pem}}, namespace)
        except ApiError as failure:
            # Our copy was old, or the namespace began to terminate: the watch brings us back if there is work left.
            if failure.already_exists or failure.not_found:
                self._queue.add_rate_limited(namespace)
            elif failure.code != 403:
                raise

    def _config_map(self, namespace: str) -> Object:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": namespace, "labels": dict(LABELS)},
            "data": {KEY: self._root_pem},
        }

    def _namespace_changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._queue.add(name_of(new))

    def _config_map_changed(self, old: Object | None, new: Object | None) -> None:
        changed = new or old
        assert changed is not None
        self._queue.add(key_of(changed)[0])
