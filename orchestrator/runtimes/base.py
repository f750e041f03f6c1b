"""What a runtime is asked, and what it answers: the border between the kubelet and whatever makes pods.

One sandbox a pod, many containers a sandbox. A sandbox outlives the kubelet: it owns the containers' logs and
exit codes until the kubelet adopts it again. Another runtime (Docker, CRI, runc) is another `Runtime` of the same
shape; nothing here says "process" or "namespace".
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

LOG_BYTES_MAX = 10 << 20
"""A log file is moved to `<path>.1` when it grows past this (kubelet: containerLogMaxSize 10Mi)."""

EXIT_CODE_UNKNOWN = 255
"""A container that ended unseen, as when its sandbox was killed (kubelet: ContainerStatusUnknown)."""


class RuntimeFailure(Exception):
    """The runtime could not do what it was asked; the message is meant for an Event.

    `reason` is the container's waiting reason (`CreateContainerError`, `CreateContainerConfigError`,
    `RunContainerError`) or `FailedCreatePodSandBox`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or directory of the host, shown in the container at `mount_path` (made when missing)."""

    host_path: str
    mount_path: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """None = no limit. CPU in thousandths of a core."""

    cpu_millis: int | None = None
    memory_bytes: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class Dns:
    """The pod's /etc/resolv.conf."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """One pod. `log_directory` is made if missing; all `log_path`s of its containers are relative to it.

    `hosts` are extra lines of /etc/hosts (hostAliases): address -> names. `host_network` pods have neither an
    address of their own nor hooks; `ip` is then "".
    """

    uid: str
    name: str
    namespace: str
    ip: str
    hostname: str
    log_directory: str
    dns: Dns = Dns()
    fqdn: str = ""
    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    share_process_namespace: bool = False
    host_network: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One attempt to run a container. `attempt` counts its restarts from 0.

    `env` is complete: nothing is inherited. `image_directory` is shown read-only at its own path; `visible` are
    further directories that must stay readable at their own paths (the Python prefix is always). `log_path` is
    relative to the sandbox's log directory and written in the CRI format (`TIME stdout|stderr F|P TEXT`).
    None = the image's user (root inside) for the ids.
    """

    name: str
    argv: tuple[str, ...]
    log_path: str
    attempt: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    image_directory: str = ""
    visible: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    run_as_user: int | None = None
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    run_as_non_root: bool = False
    read_only_root: bool = False
    capabilities: tuple[str, ...] = ()
    limits: Limits = Limits()
    log_bytes_max: int = LOG_BYTES_MAX


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What the sandbox knows of one attempt. Times are seconds since the epoch.

    `exit_code` is 128 + `signal` for a container killed by a signal, as Kubernetes reports it.
    """

    name: str
    attempt: int
    running: bool
    started_at: float
    finished_at: float = 0.0
    exit_code: int = 0
    signal: int = 0
    oom_killed: bool = False
    limits_enforced: bool = True


@dataclass(frozen=True, slots=True)
class ExecResult:
    """`output` is stdout and stderr together, cut at the runtime's bound. Timed out = the command was killed."""

    exit_code: int
    output: bytes
    timed_out: bool = False


class Session(Protocol):
    """A command inside a container and this side of its streams. `stderr` is None when a terminal joins both."""

    stdin: int
    stdout: int
    stderr: int | None

    def close_stdin(self) -> None:
        """The command reads the end of its input; on a terminal, which has no such end, end-of-file is typed."""
        ...

    def resize(self, width: int, height: int) -> None: ...

    async def wait(self) -> int:
        """The exit code, once the command has ended; raises `RuntimeFailure` when it could not be started."""
        ...

    def close(self) -> None: ...


class Sandbox(Protocol):
    """A running pod. Every method raises `RuntimeFailure` when the sandbox says no or is gone."""

    directory: Path
    """The pod's run directory: `shim.sock`, `inbound.sock`. The annotation pocketmesh.io/sandbox."""
    uid: str
    ip: str

    async def start_container(self, spec: ContainerSpec) -> ContainerState: ...

    async def containers(self) -> list[ContainerState]:
        """All attempts the sandbox remembers: the last two of each container."""
        ...

    async def signal(self, name: str, number: int) -> None:
        """Send a signal to the running attempt (SIGKILL ends every process of it); nothing if none runs."""
        ...

    async def wait(self, name: str, attempt: int) -> ContainerState:
        """Return when the attempt has ended. A sandbox that dies meanwhile ends it with EXIT_CODE_UNKNOWN."""
        ...

    def on_exit(self, handler: Callable[[ContainerState], None]) -> None:
        """`handler` is called from the loop for each container that ends from now on."""
        ...

    async def execute(self, name: str, argv: Sequence[str], *, timeout_s: float) -> ExecResult: ...

    def attached(self, name: str, argv: Sequence[str], *, terminal: bool) -> Session:
        """Start a command on streams of its own; the session is the caller's to close, which ends the command."""
        ...

    async def connect(self, port: int, *, timeout_s: float) -> socket.socket:
        """A connected, non-blocking TCP socket to POD_IP:port, made inside the pod; OSError/TimeoutError else."""
        ...

    async def open_log(self, log_path: str) -> int:
        """A descriptor to write to; the sandbox turns what arrives into a log file (proxies outside the pod)."""
        ...

    def host_id(self, inside: int) -> int | None:
        """The host's uid or gid behind one inside the pod; None = not mapped (chown is then impossible)."""
        ...

    async def stop(self) -> None:
        """Kill what still runs and remove the sandbox; safe to repeat. The log directory stays."""
        ...

    async def gone(self) -> None:
        """Return when the sandbox's process has ended, for whatever reason."""
        ...


class Runtime(Protocol):
    """Makes sandboxes and finds those of an earlier life."""

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox: ...

    async def adopt(self, uid: str, ip: str) -> Sandbox | None:
        """The live sandbox of this pod, if there is one; a dead one's remains are removed."""
        ...

    async def sandboxes(self) -> Sequence[Sandbox]:
        """Every live sandbox in the run directory, adopted."""
        ...
