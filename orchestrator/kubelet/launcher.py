"""Starting one container: in the pod's sandbox, or, for the mesh's proxy, forked from the sidecar zygote outside it.

Both look alike to the pod worker: start, wait, signal, and what is known of earlier attempts.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from mesh.kube.quantity import millis, whole
from orchestrator.images import Image, Images, is_proxy, parse_reference
from orchestrator.process_identity import ProcessIdentity
from orchestrator.runtimes.base import ContainerSpec, ContainerState, Limits, Mount, RuntimeFailure, Sandbox
from orchestrator.runtimes.zygote import Proxy, ProxyRuntime, ProxySpec

PROXY_MODULES: dict[tuple[str, ...], str] = {
    ("proxy", "sidecar"): "sidecar.process",
    ("proxy", "router"): "ingress.process",
}


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that one attempt needs, worked out from the manifest."""

    name: str
    attempt: int
    log_path: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    mounts: tuple[Mount, ...]
    container: dict[str, Any]
    pod_spec: dict[str, Any]
    image: Image | None  # None = the proxy


class Launcher(Protocol):
    async def start(self, launch: Launch) -> ContainerState: ...

    async def wait(self, name: str, attempt: int) -> ContainerState: ...

    async def signal(self, name: str, number: int) -> None: ...

    async def known(self) -> list[ContainerState]:
        """Attempts of an earlier kubelet's, running or ended."""
        ...


class SandboxLauncher:
    """Containers inside the pod's sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def start(self, launch: Launch) -> ContainerState:
        return await self._sandbox.start_container(container_spec(launch))

    async def wait(self, name: str, attempt: int) -> ContainerState:
        return await self._sandbox.wait(name, attempt)

    async def signal(self, name: str, number: int) -> None:
        await self._sandbox.signal(name, number)

    async def known(self) -> list[ContainerState]:
        return await self._sandbox.containers()


def container_spec(launch: Launch) -> ContainerSpec:
    """Raises `RuntimeFailure` for what a sandbox without root cannot give."""
    assert launch.image is not None
    pod_context = launch.pod_spec.get("securityContext") or {}
    context = launch.container.get("securityContext") or {}
    if context.get("privileged"):
        raise RuntimeFailure("CreateContainerConfigError", "privileged containers are not possible on this machine")
    user = context.get("runAsUser", pod_context.get("runAsUser"))
    limits = (launch.container.get("resources") or {}).get("limits") or {}
    return ContainerSpec(
        name=launch.name,
        argv=launch.argv,
        log_path=launch.log_path,
        attempt=launch.attempt,
        env=launch.env,
        workdir=launch.container.get("workingDir") or launch.image.workdir or launch.image.dir,
        image_directory=launch.image.dir,
        mounts=launch.mounts,
        run_as_user=user,
        run_as_group=context.get("runAsGroup", pod_context.get("runAsGroup")),
        supplemental_groups=tuple(pod_context.get("supplementalGroups") or ()),
        run_as_non_root=bool(context.get("runAsNonRoot", pod_context.get("runAsNonRoot"))),
        read_only_root=bool(context.get("readOnlyRootFilesystem")),
        limits=Limits(
            cpu_millis=millis(str(limits["cpu"])) if "cpu" in limits else None,
            memory_bytes=whole(str(limits["memory"])) if "memory" in limits else None,
        ),
    )


class Record(msgspec.Struct, frozen=True):
    """A proxy's attempt on disk, so that the next kubelet finds it."""

    attempt: int
    pid: int
    start_time: int
    started_at: float


class ProxyLauncher:
    """Proxies, forked from the zygote. Their record and exit file lie in the proxy's directory."""

    def __init__(self, runtime: ProxyRuntime, sandbox: Sandbox, directory: Path, *, hooked: bool) -> None:
        self._runtime = runtime
        self._sandbox = sandbox
        self._directory = directory
        self._hooked = hooked
        self._proxies: dict[tuple[str, int], tuple[Proxy, float]] = {}

    def _record(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def _exit_file(self, name: str, attempt: int) -> Path:
        return self._directory / f"{name}.{attempt}.exit"

    async def start(self, launch: Launch) -> ContainerState:
        module = PROXY_MODULES.get(launch.argv[:2])
        if module is None:
            raise RuntimeFailure("CreateContainerError", f"a proxy's args are one of: {_words()}")
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        env = {
            **launch.env,
            "POCKETMESH_PROXY_DIR": str(self._directory),
            "POCKETMESH_MOUNTS": json.dumps({mount.mount_path: mount.host_path for mount in launch.mounts}),
        }
        if self._hooked:
            env["POCKETMESH_SANDBOX"] = str(self._sandbox.directory)
        spec = ProxySpec(module, launch.argv, env, self._exit_file(launch.name, launch.attempt))
        log = await self._sandbox.open_log(launch.log_path)
        try:
            proxy = await self._runtime.start(spec, stdout=log, stderr=log)
        finally:
            os.close(log)
        return self._remember(launch, proxy)

    def _remember(self, launch: Launch, proxy: Proxy) -> ContainerState:
        started_at = time.time()
        identity = proxy.identity
        record = Record(launch.attempt, identity.pid, identity.start_time, started_at)
        fresh = self._record(launch.name).with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(record))
        fresh.replace(self._record(launch.name))
        self._proxies[launch.name, launch.attempt] = (proxy, started_at)
        return ContainerState(launch.name, launch.attempt, running=True, started_at=started_at)

    async def wait(self, name: str, attempt: int) -> ContainerState:
        proxy, started_at = self._proxies[name, attempt]
        ended = await proxy.wait()
        return ContainerState(
            name, attempt, running=False, started_at=started_at,
            finished_at=ended.finished_at, exit_code=ended.exit_code, signal=ended.signal,
        )  # fmt: skip

    async def signal(self, name: str, number: int) -> None:
        for (known, _), (proxy, _) in self._proxies.items():
            if known == name:
                proxy.signal(number)

    async def known(self) -> list[ContainerState]:
        found = []
        for path in self._directory.glob("*.json") if self._directory.exists() else ():
            try:
                record = msgspec.json.decode(path.read_bytes(), type=Record)
            except msgspec.MsgspecError:
                continue
            name = path.stem
            proxy = ProxyRuntime.adopt(record.pid, record.start_time, self._exit_file(name, record.attempt))
            self._proxies[name, record.attempt] = (proxy, record.started_at)
            running = ProcessIdentity(record.pid, record.start_time).alive()
            state = ContainerState(name, record.attempt, running=running, started_at=record.started_at)
            found.append(state if running else await self.wait(name, record.attempt))
        return found


def _words() -> str:
    return ", ".join(" ".join(words) for words in PROXY_MODULES)


def image_of(images: Images, text: str) -> Image | None:
    """The image behind a manifest's word, None for the proxy; `ImageError` says how to bind an unknown one."""
    return None if is_proxy(parse_reference(text)) else images.find(text)
