"""CPU, memory and process limits through control groups, where this user may make them.

Root may nearly everywhere; an ordinary user only inside a subtree that was delegated to it. Where it is not allowed
nothing is pretended: `usable` is False and the kubelet says so in an Event. A container joins by writing "0" into a
descriptor opened here: the kernel checks the opener's right to move processes (since Linux 5.16), so the container's
own process needs none.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.runtimes.base import Limits

ROOT = Path("/sys/fs/cgroup")
CPU_PERIOD_US = 100_000
CPU_QUOTA_US_MIN = 1_000
"""The kernel refuses less than one millisecond a period."""
CONTROLLERS = ("cpu", "memory", "pids")


@dataclass(frozen=True, slots=True)
class Limiter:
    """`bases` are the directories under which pods get theirs: controller -> path; version 2 has one, under ""."""

    bases: Mapping[str, Path]

    @property
    def usable(self) -> bool:
        return bool(self.bases)

    @staticmethod
    def of_this_machine(name: str, *, root: Path = ROOT, own: str | None = None) -> Limiter:
        """Find out what is allowed by doing it; `name` is the directory that holds all pods."""
        own = Path("/proc/self/cgroup").read_text() if own is None else own
        try:
            bases = _unified(name, root, own) if (root / "cgroup.controllers").exists() else _split(name, root, own)
        except OSError:
            return Limiter({})
        return Limiter(bases)

    def open(self, pod: str, container: str, limits: Limits) -> list[int]:
        """Make the container's group; the descriptors through which it is joined. [] = no limits, or none possible."""
        descriptors: list[int] = []
        if limits == Limits() or not self.usable:
            return descriptors
        try:
            for controller, base in self.bases.items():
                directory = base / pod / container
                with contextlib.suppress(OSError):
                    directory.rmdir()  # an earlier attempt's, with its counters
                if not controller:
                    _enable(base / pod, directory)
                directory.mkdir(parents=True, exist_ok=True)
                for file, value in _settings(controller, limits).items():
                    (directory / file).write_text(value)
                descriptors.append(os.open(directory / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
        except OSError:
            for descriptor in descriptors:
                os.close(descriptor)
            return []
        return descriptors

    def oom_killed(self, pod: str, container: str) -> bool:
        """Whether the kernel killed a process of the container for its memory limit."""
        for controller, file in (("", "memory.events"), ("memory", "memory.oom_control")):
            if controller in self.bases:
                with contextlib.suppress(OSError):
                    text = (self.bases[controller] / pod / container / file).read_text()
                    return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in text.splitlines())
        return False

    def remove(self, pod: str) -> None:
        """Remove a pod's groups; its processes must have ended."""
        for base in self.bases.values():
            with contextlib.suppress(OSError):
                for directory in (base / pod).iterdir():
                    if directory.is_dir():
                        directory.rmdir()
                (base / pod).rmdir()

    def close(self) -> None:
        """Remove the directory that held all pods."""
        for base in self.bases.values():
            with contextlib.suppress(OSError):
                base.rmdir()


def _unified(name: str, root: Path, own: str) -> dict[str, Path]:
    path = next((line[3:] for line in own.splitlines() if line.startswith("0::")), "/")
    here = root / path.lstrip("/")
    parent = here if os.getuid() == 0 else here.parent  # a group with processes cannot give controllers to children
    parent = root if os.getuid() == 0 else parent
    if not os.access(parent / "cgroup.procs", os.W_OK):
        return {}
    _turn_on(parent)
    base = parent / name
    base.mkdir(exist_ok=True)
    _turn_on(base)
    return {"": base}


def _turn_on(directory: Path) -> None:
    (directory / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in CONTROLLERS))


def _enable(pod: Path, container: Path) -> None:
    pod.mkdir(exist_ok=True)
    _turn_on(pod)
    container.mkdir(exist_ok=True)


def _split(name: str, root: Path, own: str) -> dict[str, Path]:
    """Version 1: one hierarchy a controller."""
    bases: dict[str, Path] = {}
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in set(controllers.split(",")) & set(CONTROLLERS):
            base = root / controller / path.lstrip("/") / name
            base.mkdir(exist_ok=True)
            bases[controller] = base
    return bases


def _settings(controller: str, limits: Limits) -> dict[str, str]:
    """Files and values; `controller` "" = version 2."""
    quota = max(limits.cpu_millis * CPU_PERIOD_US // 1000, CPU_QUOTA_US_MIN) if limits.cpu_millis else None
    files: dict[str, object] = {}
    if not controller:
        files = {
            "cpu.max": None if quota is None else f"{quota} {CPU_PERIOD_US}",
            "memory.max": limits.memory_bytes,
            "memory.oom.group": None if limits.memory_bytes is None else 1,
            "pids.max": limits.pids,
        }
    elif controller == "cpu":
        files = {"cpu.cfs_quota_us": quota}
    elif controller == "memory":
        files = {"memory.limit_in_bytes": limits.memory_bytes}
    elif controller == "pids":
        files = {"pids.max": limits.pids}
    return {file: str(value) for file, value in files.items() if value is not None}
