"""The embedded runtime, as the kubelet sees it: pods made by the sandbox zygote, each kept by its shim."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from mesh.kube.tasks import spawn
from orchestrator.layout import Layout
from orchestrator.process_identity import ProcessIdentity, start_time
from orchestrator.runtimes import cgroups, kernel, wire
from orchestrator.runtimes.base import (
    EXIT_CODE_UNKNOWN,
    ContainerSpec,
    ContainerState,
    ExecResult,
    RuntimeFailure,
    SandboxSpec,
)
from orchestrator.runtimes.container import DEFAULT_PATH, visible_directories
from orchestrator.runtimes.idmap import IdMap
from orchestrator.runtimes.session import PipeSession, start_session
from orchestrator.runtimes.shim_client import ask, events, listener_pid, process_ended

EXEC_GRACE_S = 5.0
CREATE_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0

Key = tuple[str, int]


class ProcessSandbox:
    """A pod of this runtime. Create it with `SandboxRuntime`; `begin` must have run."""

    def __init__(self, directory: Path, description: Mapping[str, Any], limiter: cgroups.Limiter) -> None:
        self.directory = directory
        self.uid: str = description["uid"]
        self.ip: str = description["ip"]
        self.identity = ProcessIdentity(description["pid"], description["start_time"])
        self._ids = IdMap(description["id_base"], description["id_count"])
        self._limiter = limiter
        self._states: dict[Key, ContainerState] = {}
        self._waiting: dict[Key, list[asyncio.Future[ContainerState]]] = {}
        self._handlers: list[Callable[[ContainerState], None]] = []
        self._gone = asyncio.Event()

    @property
    def _socket(self) -> str:
        return str(self.directory / "shim.sock")

    async def begin(self) -> None:
        """Follow the containers' ends from now on."""
        started = asyncio.Event()
        spawn(self._watch(started), name=f"sandbox {self.ip or self.uid}")
        await started.wait()

    async def _watch(self, started: asyncio.Event) -> None:
        try:
            async for event in events(self._socket, {"verb": "watch"}):
                for raw in event.get("containers", ()):
                    state = msgspec.convert(raw, ContainerState)
                    self._states[state.name, state.attempt] = state
                if "exit" in event:
                    self._ended(msgspec.convert(event["exit"], ContainerState))
                started.set()
        except RuntimeFailure:
            pass
        finally:
            started.set()
            self._gone.set()
            for state in [state for state in self._states.values() if state.running]:
                self._ended(replace(state, running=False, finished_at=time.time(), exit_code=EXIT_CODE_UNKNOWN))

    def _ended(self, state: ContainerState) -> None:
        key = state.name, state.attempt
        state = replace(state, oom_killed=self._limiter.oom_killed(self.uid, state.name))
        self._states[key] = state
        for waiter in self._waiting.pop(key, ()):
            if not waiter.done():
                waiter.set_result(state)
        for handler in self._handlers:
            handler(state)

    async def start_container(self, spec: ContainerSpec) -> ContainerState:
        full = replace(spec, visible=_visible(spec), env=_environment(spec))
        trees: list[int] = []
        groups = self._limiter.open(self.uid, spec.name, spec.limits)
        try:
            if self._ids.whole:
                # The pod's users own nothing on the host: only the host's root can reach these directories.
                paths = (*visible_directories(full), *(mount.host_path for mount in full.mounts))
                for path in paths:
                    trees.append(kernel.open_tree(path))  # noqa: PERF401 - those opened so far are closed below
            message = {"verb": "start_container", "spec": asdict(full), "trees": len(trees)}
            answer, _ = await ask(self._socket, message, [*trees, *groups])
        except OSError as failure:
            text = f"{failure.strerror}: {failure.filename}"
            raise RuntimeFailure("CreateContainerError", text) from None
        finally:
            wire.close_all([*trees, *groups])
        state = msgspec.convert(answer["state"], ContainerState)
        return self._states.setdefault((state.name, state.attempt), state)

    async def containers(self) -> list[ContainerState]:
        answer, _ = await ask(self._socket, {"verb": "containers"})
        return msgspec.convert(answer["containers"], list[ContainerState])

    async def signal(self, name: str, number: int) -> None:
        await ask(self._socket, {"verb": "signal", "name": name, "signal": int(number)})

    async def wait(self, name: str, attempt: int) -> ContainerState:
        key = name, attempt
        known = self._states.get(key)
        if known is None:
            raise RuntimeFailure("NotRunning", f"container {name} has no attempt {attempt}")
        if not known.running:
            return known
        waiter: asyncio.Future[ContainerState] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(waiter)
        return await waiter

    def on_exit(self, handler: Callable[[ContainerState], None]) -> None:
        self._handlers.append(handler)

    async def execute(self, name: str, argv: Sequence[str], *, timeout_s: float) -> ExecResult:
        message = {"verb": "exec", "name": name, "argv": list(argv), "timeout_s": timeout_s}
        answer, _ = await ask(self._socket, message, timeout_s=timeout_s + EXEC_GRACE_S)
        return ExecResult(answer["exit_code"], base64.b64decode(answer["output"]), answer["timed_out"])

    def attached(self, name: str, argv: Sequence[str], *, terminal: bool) -> PipeSession:
        return start_session(self._socket, {"verb": "exec", "name": name, "argv": list(argv)}, terminal=terminal)

    async def connect(self, port: int, *, timeout_s: float) -> socket.socket:
        _, (descriptor,) = await ask(self._socket, {"verb": "socket", "type": "stream"}, timeout_s=timeout_s)
        connection = socket.socket(fileno=descriptor)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_connect(connection, (self.ip, port))
        except BaseException:
            connection.close()
            raise
        return connection

    async def open_log(self, log_path: str) -> int:
        _, (descriptor,) = await ask(self._socket, {"verb": "open_log", "log_path": log_path})
        return descriptor

    def host_id(self, inside: int) -> int | None:
        return self._ids.host_id(inside)

    async def stop(self) -> None:
        try:
            await ask(self._socket, {"verb": "stop"}, timeout_s=STOP_TIMEOUT_S)
        except RuntimeFailure:
            self.identity.kill()
        await self._gone.wait()
        await process_ended(self.identity)
        self._limiter.remove(self.uid)
        shutil.rmtree(self.directory, ignore_errors=True)

    async def gone(self) -> None:
        await self._gone.wait()


class SandboxRuntime:
    """Makes and finds the sandboxes of one run directory."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._limiter = cgroups.Limiter.of_this_machine(layout.run.name)

    @property
    def limits_enforced(self) -> bool:
        """Whether containers' CPU and memory limits can be enforced here."""
        return self._limiter.usable

    def directory(self, uid: str, ip: str) -> Path:
        return self._layout.sandbox(ip or f"host-{uid}")

    async def create_sandbox(self, spec: SandboxSpec) -> ProcessSandbox:
        directory = self.directory(spec.uid, spec.ip)
        message = {"verb": "create", "spec": asdict(spec), "directory": str(directory)}
        zygote = str(self._layout.sandbox_zygote_socket)
        try:
            answer, _ = await ask(zygote, message, timeout_s=CREATE_TIMEOUT_S)
        except RuntimeFailure as failure:
            raise RuntimeFailure("FailedCreatePodSandBox", failure.message) from None
        sandbox = ProcessSandbox(directory, answer, self._limiter)
        await sandbox.begin()
        return sandbox

    async def adopt(self, uid: str, ip: str) -> ProcessSandbox | None:
        sandbox = await self._open(self.directory(uid, ip))
        return sandbox if sandbox is not None and sandbox.uid == uid else None

    async def sandboxes(self) -> list[ProcessSandbox]:
        """Every live sandbox; directories of dead ones are removed."""
        if not self._layout.sandboxes.exists():
            return []
        found = [await self._open(directory) for directory in sorted(self._layout.sandboxes.iterdir())]
        return [sandbox for sandbox in found if sandbox is not None]

    async def _open(self, directory: Path) -> ProcessSandbox | None:
        path = directory / "shim.sock"
        try:
            answer, _ = await ask(str(path), {"verb": "describe"})
        except RuntimeFailure:
            shutil.rmtree(directory, ignore_errors=True)
            return None
        pid = listener_pid(str(path))
        sandbox = ProcessSandbox(directory, {**answer, "pid": pid, "start_time": start_time(pid)}, self._limiter)
        await sandbox.begin()
        return sandbox


def _visible(spec: ContainerSpec) -> tuple[str, ...]:
    """The Python prefix too, at the names by which it is called and by which it is found."""
    wanted = {spec.image_directory, *spec.visible, sys.prefix, sys.base_prefix} - {""}
    resolved = {os.path.realpath(path) for path in wanted}
    return tuple(sorted(path for path in wanted | resolved if path != "/" and Path(path).is_dir()))


def _environment(spec: ContainerSpec) -> dict[str, str]:
    return {"PATH": f"{Path(sys.prefix) / 'bin'}:{DEFAULT_PATH}", **spec.env}
