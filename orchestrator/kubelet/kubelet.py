"""One worker for each pod of this node; the log backend of the API server; volumes kept fresh.

At start it finds the sandboxes of an earlier kubelet: those whose pod is still wanted are adopted by their workers,
the others are stopped.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.informer import Informer
from mesh.kube.kinds import POD, SERVICE
from mesh.kube.objects import Object, name_of, namespace_of, uid_of
from mesh.kube.tasks import spawn
from orchestrator.api.errors import failure
from orchestrator.controllers.controller import Informers
from orchestrator.controllers.node import NODE_IP
from orchestrator.events import EventRecorder
from orchestrator.images import Images
from orchestrator.kubelet.addresses import PodAddresses
from orchestrator.kubelet.environment import service_variables
from orchestrator.kubelet.logs import Wanted, read
from orchestrator.kubelet.pod_launch import CONNECT_TIMEOUT_S, uses_proxy
from orchestrator.kubelet.pod_worker import Node, PodWorker, is_over
from orchestrator.layout import Layout
from orchestrator.runtimes.base import Runtime, Sandbox, Session
from orchestrator.runtimes.zygote import ProxyRuntime

log = logging.getLogger(__name__)

REFRESH_INTERVAL_S = 20.0
"""How often volumes are compared with their ConfigMaps and Secrets (a kubelet takes up to a minute)."""


class Kubelet:
    def __init__(self, informers: Informers, layout: Layout, runtime: Runtime, node_name: str) -> None:
        client: Client = informers.client
        self._node_name = node_name
        self._runtime = runtime
        self._layout = layout
        self._services = informers.of(SERVICE)
        self._pods = Informer(client, POD, field_selector=f"spec.nodeName={node_name}")
        self._workers: dict[str, PodWorker] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._node = Node(
            client=client,
            layout=layout,
            runtime=runtime,
            proxies=ProxyRuntime(layout.sidecar_zygote_socket),
            images=Images(layout.images),
            addresses=PodAddresses(),
            events=EventRecorder(client, "kubelet", node_name),
            service_variables=self._service_variables,
        )

    async def start(self) -> None:
        """Adopt what runs, then follow the API. The shared informers must be synced."""
        self._pods.start()
        await self._pods.synced()
        running = [pod for pod in self._pods.store.values() if not is_over(pod)]
        for pod in running:
            if address := (pod.get("status") or {}).get("podIP"):
                self._node.addresses.claim(address, uid_of(pod))
        await self._stop_orphans({uid_of(pod) for pod in running})
        self._forget_directories({uid_of(pod) for pod in self._pods.store.values()})
        self._pods.add_handler(self._pod_changed)
        self._tasks.append(spawn(self._refresh_forever(), name="volumes"))

    async def stop(self) -> None:
        """Let go of everything and stop nothing: pods outlive their kubelet."""
        await self._pods.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stop_orphans(self, wanted: set[str]) -> None:
        for sandbox in await self._runtime.sandboxes():
            if sandbox.uid not in wanted:
                log.info("stopping the sandbox of a pod that is gone: %s", sandbox.uid)
                await sandbox.stop()

    def _forget_directories(self, wanted: set[str]) -> None:
        pods = self._layout.pod("x").parent
        for directory in pods.iterdir() if pods.exists() else ():
            if directory.name not in wanted:
                shutil.rmtree(directory, ignore_errors=True)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            if old is not None and (worker := self._workers.get(uid_of(old))) is not None:
                worker.update({**old, "metadata": {"deletionTimestamp": "now", **old["metadata"]}})
            return
        worker = self._workers.get(uid_of(new))
        if worker is not None:
            worker.update(new)
            return
        worker = self._workers[uid_of(new)] = PodWorker(self._node, new)
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(spawn(self._run(worker), name=f"pod {namespace_of(new)}/{name_of(new)}"))

    async def _run(self, worker: PodWorker) -> None:
        try:
            await worker.run()
        finally:
            self._workers.pop(worker.uid, None)
        shutil.rmtree(self._layout.pod(worker.uid), ignore_errors=True)
        shutil.rmtree(self._layout.proxy(worker.uid), ignore_errors=True)

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_INTERVAL_S)
            for worker in list(self._workers.values()):
                try:
                    await worker.refresh()
                except (ApiError, OSError) as failure:
                    log.warning("volumes of %s: %s", name_of(worker.pod), failure)

    def _service_variables(self, pod: Object) -> dict[str, str]:
        links = pod["spec"].get("enableServiceLinks", True)
        return service_variables(self._services.store.values(), namespace_of(pod), links=links)

    def logs(
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
        """`NodeBackend` of the API server; see there."""
        since = time.time() - since_seconds if since_seconds is not None else None
        wanted = Wanted(follow, tail_lines, since, timestamps, limit_bytes)
        return self._read_log(pod, container, previous, wanted)

    def execute(self, pod: Object, container: str, argv: Sequence[str], *, terminal: bool) -> Session:
        sandbox = self._sandbox(pod)
        worker = self._workers[uid_of(pod)]
        found = next((known for known in worker.containers if known.name == container), None)
        if found is None or not found.running:
            raise failure(500, f'unable to upgrade connection: container not found ("{container}")')
        if uses_proxy(found):
            raise failure(501, f"container {container} is the mesh's own proxy, which runs no commands")
        return sandbox.attached(container, argv, terminal=terminal)

    async def connect(self, pod: Object, port: int) -> socket.socket:
        if pod["spec"].get("hostNetwork"):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await asyncio.get_running_loop().sock_connect(connection, (NODE_IP, port))
            except BaseException:
                connection.close()
                raise
            return connection
        return await self._sandbox(pod).connect(port, timeout_s=CONNECT_TIMEOUT_S)

    def _sandbox(self, pod: Object) -> Sandbox:
        worker = self._workers.get(uid_of(pod))
        if worker is None or worker.sandbox is None:
            raise failure(500, f"unable to upgrade connection: pod does not exist: {name_of(pod)} does not run here")
        return worker.sandbox

    async def _read_log(self, pod: Object, name: str, previous: bool, wanted: Wanted) -> AsyncIterator[bytes]:
        attempt = self._attempt(pod, name, previous)
        path: Path = self._layout.pod(uid_of(pod)) / "logs" / name / f"{attempt}.log"

        def running() -> bool:
            worker = self._workers.get(uid_of(pod))
            found = next((c for c in worker.containers if c.name == name), None) if worker else None
            return found is not None and found.running and found.attempt == attempt

        async for piece in read(path, wanted, running):
            yield piece

    @staticmethod
    def _attempt(pod: Object, name: str, previous: bool) -> int:
        """Which attempt's log is meant; raises `ApiError` 400 in Kubernetes' words when there is none."""
        status = pod.get("status") or {}
        known = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
        found = next((entry for entry in known if entry["name"] == name), None)
        restarts = int(found["restartCount"]) if found else 0
        if previous:
            if not found or (not restarts and not found.get("lastState")):
                text = f'previous terminated container "{name}" in pod "{name_of(pod)}" not found'
                raise failure(400, text)
            waiting = "waiting" in (found.get("state") or {})
            return restarts if waiting else restarts - 1
        waiting_state = (found or {}).get("state", {}).get("waiting") if found else {"reason": "ContainerCreating"}
        if waiting_state and not (found or {}).get("lastState"):
            reason = waiting_state.get("reason", "ContainerCreating")
            what = f'container "{name}" in pod "{name_of(pod)}" is waiting to start: {reason}'
            raise failure(400, what)
        return restarts
