"""The life of one pod, from its sandbox to its removal. One task a pod; the order is Kubernetes':

address and sandbox, volumes, init containers one after another (a sidecar when it has started), then all others; on
deletion the app containers at once, then the sidecars in reverse order, then the sandbox, then the object.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import POD
from mesh.kube.objects import Object, deleting, name_of, namespace_of, uid_of
from mesh.kube.tasks import spawn
from orchestrator.controllers.node import NODE_IP
from orchestrator.events import EventRecorder
from orchestrator.images import Images
from orchestrator.kubelet.addresses import PodAddresses
from orchestrator.kubelet.container_worker import ContainerWorker, Surroundings
from orchestrator.kubelet.containers import Container, Role, containers_of
from orchestrator.kubelet.launcher import Launch, Launcher, ProxyLauncher, SandboxLauncher
from orchestrator.kubelet.pod_launch import connector, launch_of, sandbox_spec, uses_proxy
from orchestrator.kubelet.pod_status import pod_status
from orchestrator.kubelet.references import ReferenceFailure
from orchestrator.kubelet.volumes import PodVolumes
from orchestrator.layout import Layout
from orchestrator.runtimes.base import ContainerState, ExecResult, Runtime, RuntimeFailure, Sandbox
from orchestrator.runtimes.zygote import ProxyRuntime

log = logging.getLogger(__name__)

SANDBOX_ANNOTATION = "pocketmesh.io/sandbox"
RETRY_S = 2.0
SIDECAR_GRACE_MIN_S = 2.0
"""Native sidecars get at least this, even when the app containers used the whole grace period up."""
STATUS_RETRY_S = 0.5


def is_over(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


@dataclass(frozen=True, slots=True)
class Node:
    """What all pod workers of this node share."""

    client: Client
    layout: Layout
    runtime: Runtime
    proxies: ProxyRuntime
    images: Images
    addresses: PodAddresses
    events: EventRecorder
    service_variables: Any  # () -> dict of a namespace, see kubelet.py


class PodWorker:
    """`run` once; `update` with every newer object of the pod."""

    def __init__(self, node: Node, pod: Object) -> None:
        self.pod = pod
        self.sandbox: Sandbox | None = None
        self.containers: list[Container] = containers_of(pod["spec"])
        self._node = node
        self._ip = ""
        self._volumes = PodVolumes(node.client, node.layout, pod)
        self._workers: dict[str, ContainerWorker] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._ending = asyncio.Event()
        self._dirty = asyncio.Event()
        self._written: dict[str, Any] = {}

    @property
    def uid(self) -> str:
        return uid_of(self.pod)

    def update(self, pod: Object) -> None:
        if self.sandbox is not None:
            # Containers read the address from the status, where it stands only after our next report.
            pod = {**pod, "status": {**(pod.get("status") or {}), "podIP": self._ip or NODE_IP}}
        self.pod = self._volumes.pod = pod
        if deleting(pod):
            self._ending.set()

    async def run(self) -> None:
        """From the sandbox to the end; returns when the pod is gone."""
        self.update(self.pod)
        if is_over(self.pod):  # it ended under an earlier kubelet, and what is over never runs again
            await self._ending.wait()
            await self._forget()
            return
        reporter = spawn(self._report_forever(), name=f"status {name_of(self.pod)}")
        try:
            while await self._prepare() and not await self._live():
                self._begin_again()
            await self._end()
        finally:
            reporter.cancel()

    async def refresh(self) -> None:
        """New contents for its volumes, while it runs."""
        if self.sandbox is not None and not self._ending.is_set():
            await self._volumes.refresh(self.sandbox)

    async def _prepare(self) -> bool:
        """Sandbox and volumes, as often as it takes; False when the pod was deleted first."""
        while not self._ending.is_set():
            try:
                if self.sandbox is None:
                    self.sandbox = await self._find_sandbox()
                await self._volumes.prepare(self.sandbox)
                return True
            except RuntimeFailure as failure:
                self._node.events.warning(self.pod, "FailedCreatePodSandBox", failure.message)
            except (ReferenceFailure, OSError) as failure:
                self._node.events.warning(self.pod, "FailedMount", f"MountVolume.SetUp failed: {failure}")
            except ApiError as failure:
                log.warning("pod %s: %s", name_of(self.pod), failure)
            self._changed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await self._ending.wait()
        return False

    async def _find_sandbox(self) -> Sandbox:
        """The one that is already there, or a new one, announced to the control plane before anything runs in it."""
        node, host_network = self._node, bool(self.pod["spec"].get("hostNetwork"))
        before = str((self.pod.get("status") or {}).get("podIP") or "")
        if not host_network:
            self._ip = before if before and node.addresses.claim(before, self.uid) else ""
            self._ip = self._ip or node.addresses.allocate(self.uid) or ""
            if not self._ip:
                raise RuntimeFailure("FailedCreatePodSandBox", "no pod address is free")
        sandbox = await node.runtime.adopt(self.uid, self._ip)
        adopted = sandbox is not None
        if sandbox is None:
            sandbox = await node.runtime.create_sandbox(sandbox_spec(self.pod, self._ip, node.layout))
        self.sandbox = sandbox
        if not host_network:
            annotations = {SANDBOX_ANNOTATION: str(sandbox.directory)}
            patch = {"metadata": {"annotations": annotations, "uid": self.uid}}
            try:
                self.update(await node.client.patch(POD, name_of(self.pod), patch, namespace_of(self.pod)))
            except BaseException:
                self.sandbox = None  # the next try adopts it, and announces it again
                raise
        else:
            self.update(self.pod)
        if not adopted:
            self._changed()
        return sandbox

    def _begin_again(self) -> None:
        """The sandbox died under its containers: a new one, in which all of them start once more."""
        self._node.events.warning(self.pod, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
        before = {container.name: container for container in self.containers}
        self.containers = containers_of(self.pod["spec"])
        for container in self.containers:
            container.previous = before[container.name].run
            container.attempt = container.previous.attempt + 1 if container.previous else 0
        self.sandbox, self._workers, self._tasks = None, {}, []
        self._changed()

    async def _live(self) -> bool:
        """Start everything in order, then wait for the end of the pod: deletion, or all app containers over.

        False when the sandbox died instead and the pod should have another.
        """
        assert self.sandbox is not None
        adopted = await self._make_workers(self.sandbox)
        ended = spawn(self.sandbox.gone(), name=f"sandbox of {name_of(self.pod)}")
        starting = spawn(self._start_in_order(adopted), name=f"start {name_of(self.pod)}")
        deleted = spawn(self._ending.wait(), name=f"deletion of {name_of(self.pod)}")
        finished = spawn(self._apps_over(starting), name=f"completion of {name_of(self.pod)}")
        await asyncio.wait({ended, deleted, finished}, return_when=asyncio.FIRST_COMPLETED)
        completed = finished.done()
        for task in (ended, deleted, finished, starting):
            task.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await self._stop_containers()
        if not completed and not self._ending.is_set():
            return bool(self.pod["spec"].get("restartPolicy", "Always") == "Never")
        if not self._ending.is_set():
            self._changed()
            await self._remain()
        return True

    async def _make_workers(self, sandbox: Sandbox) -> dict[str, ContainerState]:
        """A worker for each container, and the attempts of an earlier kubelet's that they go on with."""
        hooked = not self.pod["spec"].get("hostNetwork")
        proxy = ProxyLauncher(self._node.proxies, sandbox, self._node.layout.proxy(self.uid), hooked=hooked)
        inside = SandboxLauncher(sandbox)
        known: dict[str, ContainerState] = {}
        for state in (*await inside.known(), *await proxy.known()):
            if state.name not in known or known[state.name].attempt < state.attempt:
                known[state.name] = state
        status = self.pod.get("status") or {}
        written = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        for container in self.containers:
            if container.name in known:
                before: dict[str, Any] = next((found for found in written if found["name"] == container.name), {})
                container.adopt(known[container.name], before)
            launcher: Launcher = proxy if uses_proxy(container) else inside
            self._workers[container.name] = ContainerWorker(container, self._surroundings(sandbox, launcher))
        return known

    def _surroundings(self, sandbox: Sandbox, launcher: Launcher) -> Surroundings:
        async def execute(name: str, argv: list[str], timeout_s: float) -> ExecResult:
            return await sandbox.execute(name, argv, timeout_s=timeout_s)

        return Surroundings(
            pod=lambda: self.pod,
            launch=self._launch,
            launcher=launcher,
            connect=connector(sandbox, host_network=bool(self.pod["spec"].get("hostNetwork"))),
            execute=execute,
            host=self._ip or NODE_IP,
            events=self._node.events,
            changed=self._changed,
        )

    def _launch(self, container: Container) -> Launch:
        variables = self._node.service_variables(self.pod)
        return launch_of(self.pod, container, self._volumes, self._node.images, variables)

    async def _start_in_order(self, adopted: dict[str, ContainerState]) -> None:
        apps = []
        for container in self.containers:
            worker = self._workers[container.name]
            task = spawn(worker.run(adopted=container.name in adopted), name=f"{name_of(self.pod)}/{container.name}")
            self._tasks.append(task)
            if container.role is Role.APP:
                apps.append(task)
                continue
            await worker.settled.wait()
            if container.role is Role.INIT:
                await task
                if not container.succeeded:
                    return  # the pod has failed: nothing after it starts

    async def _apps_over(self, starting: asyncio.Task[None]) -> None:
        """Return when no app container runs or will run again; never for a pod that restarts always."""
        await starting
        if any(c.role is Role.INIT and not c.succeeded for c in self.containers):
            return
        for container, task in zip(self.containers, self._tasks, strict=False):
            if container.role is Role.APP:
                await asyncio.shield(task)

    async def _stop_containers(self) -> None:
        spec_grace_s = self.pod["spec"].get("terminationGracePeriodSeconds", 30)
        grace_s = float(self.pod["metadata"].get("deletionGracePeriodSeconds", spec_grace_s))
        deadline = time.monotonic() + grace_s
        apps = [
            self._workers[c.name] for c in self.containers if c.role is not Role.SIDECAR and c.name in self._workers
        ]
        await asyncio.gather(*(worker.stop(grace_s) for worker in apps))
        for container in reversed(self.containers):
            if container.role is Role.SIDECAR and container.name in self._workers:
                left_s = max(deadline - time.monotonic(), SIDECAR_GRACE_MIN_S)
                await self._workers[container.name].stop(left_s)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _remain(self) -> None:
        """A pod that is over keeps its object and its logs until somebody deletes it."""
        await self._report()
        if self.sandbox is not None:
            await self.sandbox.stop()
        self._node.addresses.release(self.uid)
        await self._ending.wait()

    async def _end(self) -> None:
        """The pod was deleted: take its remains away, then confirm."""
        if self.sandbox is not None:
            with contextlib.suppress(RuntimeFailure):
                await self.sandbox.stop()
        await self._report()
        await self._forget()

    async def _forget(self) -> None:
        self._volumes.remove()
        self._node.addresses.release(self.uid)
        with contextlib.suppress(ApiError):  # gone already: a forced deletion
            await self._node.client.delete(
                POD, name_of(self.pod), namespace_of(self.pod), grace_period_s=0, uid=self.uid
            )

    def _changed(self) -> None:
        self._dirty.set()

    async def _report_forever(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            if not await self._report():
                await asyncio.sleep(STATUS_RETRY_S)
                self._dirty.set()

    async def _report(self) -> bool:
        """Write the status if it changed; False when that failed and is worth another try."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = pod_status(
            self.pod, self.containers, now=now, ip=self._ip or (NODE_IP if self.sandbox else ""), host_ip=NODE_IP,
            sandbox_ready=self.sandbox is not None, ending=deleting(self.pod),
        )  # fmt: skip
        if status == self._written:
            return True
        patch = {"metadata": {"uid": self.uid}, "status": status}
        write = functools.partial(self._node.client.patch, POD, name_of(self.pod), patch, namespace_of(self.pod))
        try:
            answer = await write(subresource="status")
        except ApiError as failure:
            log.info("status of %s: %s", name_of(self.pod), failure)
            return failure.not_found or failure.conflict
        self._written = status
        if self.pod["metadata"].get("resourceVersion") != answer["metadata"].get("resourceVersion"):
            self.pod = {**self.pod, "status": answer.get("status") or status}
        return True
