"""The end of a mesh: pods, processes, mounts, control groups and the run directory, so that nothing is left.

Order: first the processes that would bring pods back, then the pods through their shims, then the zygotes and what
they forked (all of it descends from the supervisor, which is a subreaper), then what lies in the file system.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from orchestrator.layout import Layout
from orchestrator.process_identity import ProcessIdentity, start_time
from orchestrator.runtimes import kernel, wire
from orchestrator.runtimes.cgroups import Limiter
from orchestrator.runtimes.rootplan import inside, parse_mount_points
from orchestrator.supervisor_child import Child

PROCESS_GRACE_S = 5.0
POD_STOP_TIMEOUT_S = 10.0
POLL_S = 0.01
HOST_POD = "host-"
"""How the kubelet names the sandbox directory of a pod in the host's network: this and the pod's uid."""
ZYGOTES = ("sandbox-zygote", "sidecar-zygote")


def stop_everything(layout: Layout, children: Iterable[Child]) -> None:
    """Stop all; safe when parts are already gone."""
    children = list(children)
    _end([child.identity for child in children if child.spec.name not in ZYGOTES])
    stop_pods(layout.sandboxes)
    _end([child.identity for child in children if child.spec.name in ZYGOTES])
    _end(recorded_proxies(layout.run / "proxies"))
    _end_descendants()
    _unmount_below(layout.run)
    Limiter.of_this_machine(layout.run.name).close()
    for child in children:
        child.notify.close()
    layout.state.unlink(missing_ok=True)
    shutil.rmtree(layout.run, ignore_errors=True)


def stop_pods(sandboxes: Path) -> None:
    """Ask every shim to end its pod; all at once, then wait for each."""
    asked: list[socket.socket] = []
    if not sandboxes.exists():
        return
    for directory in sandboxes.iterdir():
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(POD_STOP_TIMEOUT_S)
        try:
            connection.connect(str(directory / "shim.sock"))
            wire.send(connection, {"verb": "stop"})
            asked.append(connection)
        except OSError:
            connection.close()  # its pod is gone
    for connection in asked:
        with connection, contextlib.suppress(OSError, wire.WireError):
            wire.receive(connection)


def recorded_proxies(directory: Path, pod_uid: str = "*") -> list[ProcessIdentity]:
    """Proxies of all pods, or of one, as the kubelet wrote them down.

    Those of a supervisor that was killed are no descendants of this one.
    """
    found: list[ProcessIdentity] = []
    for path in directory.glob(f"{pod_uid}/*.json"):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=ProcessIdentity))
    return found


def surviving_gateway(layout: Layout) -> bool:
    """Whether a gateway (a proxy of a pod in the host's network) outlived its supervisor, and with it its ports."""
    uids = [place.name.removeprefix(HOST_POD) for place in layout.sandboxes.glob(f"{HOST_POD}*")]
    return any(proxy.alive() for uid in uids for proxy in recorded_proxies(layout.run / "proxies", uid))


def _end(processes: Iterable[ProcessIdentity | None]) -> None:
    """SIGTERM, then SIGKILL for what is still there after the grace period. Reaps."""
    alive = [process for process in processes if process is not None and process.kill(signal.SIGTERM)]
    deadline = time.monotonic() + PROCESS_GRACE_S
    while alive:
        _reap()
        alive = [process for process in alive if process.alive()]
        if time.monotonic() > deadline:
            for process in alive:
                process.kill()
        if alive:
            time.sleep(POLL_S)


def _end_descendants() -> None:
    """Everything that was orphaned below this process became its child: proxies, helpers of theirs."""
    deadline = time.monotonic() + PROCESS_GRACE_S
    while (found := _children()) and time.monotonic() < deadline:
        _end(found)
    _reap()


def _children() -> list[ProcessIdentity]:
    try:
        pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        pids = [
            entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and _parent(entry) == os.getpid()
        ]
    found = [ProcessIdentity(int(pid), start_time(int(pid))) for pid in pids]
    return [process for process in found if process.alive()]


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _unmount_below(directory: Path) -> None:
    points = parse_mount_points(Path("/proc/self/mountinfo").read_text())
    for point in sorted((point for point in points if inside(point, str(directory))), reverse=True):
        with contextlib.suppress(OSError):
            kernel.unmount(point)
