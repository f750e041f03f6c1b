"""The steps of a pod's start, done in throw-away children: which of them does this machine refuse?"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from orchestrator.layout import Layout, private_directory
from orchestrator.network.attachment import OUTBOUND_PORT, attach
from orchestrator.runtimes import idmap, kernel, wire

TRY_ADDRESS = "10.244.255.254"
STAGE = "/tmp"
STEP_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 2.0
OPTIONAL = frozenset({"sysfs"})

Step = tuple[str, Callable[[], None]]


class StepFailure(Exception):
    """A step was refused; `number` is the errno, 0 = it did not do what it should."""

    def __init__(self, text: str, number: int = 0) -> None:
        super().__init__(text)
        self.number = number


def try_all() -> list[tuple[str, StepFailure | None]]:
    """Each step with what went wrong, None = nothing. After a failure only steps that do not need it are left out."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(STEP_TIMEOUT_S)
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            _inside(theirs)
        except Exception as failure:
            wire.send(theirs, {"step": "pod", "error": repr(failure), "number": 0})
        finally:
            os._exit(0)
    theirs.close()
    results: list[tuple[str, StepFailure | None]] = []
    try:
        while (received := wire.receive(ours)) is not None:
            message = received[0]
            if "map" in message:
                _report(results, "id map", lambda: write_maps(pid))
                wire.send(ours, {})
            else:
                refused = StepFailure(message["error"], message["number"]) if "error" in message else None
                results.append((message["step"], refused))
    except TimeoutError:
        results.append(("pod", StepFailure(f"no answer in {STEP_TIMEOUT_S:.0f} s")))
    finally:
        ours.close()
        os.waitpid(pid, 0)
    return results


def write_maps(pid: int) -> None:
    """The id map of a pod that this user would make."""
    ids = idmap.choose(os.getuid(), Path("/proc/self/uid_map").read_text(), 0)
    if os.getuid() != 0:
        Path(f"/proc/{pid}/setgroups").write_text("deny")
    Path(f"/proc/{pid}/uid_map").write_text(f"0 {ids.base} {ids.count}")
    Path(f"/proc/{pid}/gid_map").write_text(f"0 {ids.base if ids.whole else os.getgid()} {ids.count}")


def _report(results: list[tuple[str, StepFailure | None]], name: str, step: Callable[[], None]) -> None:
    try:
        step()
        results.append((name, None))
    except OSError as failure:
        results.append((name, StepFailure(str(failure), failure.errno or 0)))


def _inside(report: socket.socket) -> None:
    """Runs in the child: a user namespace first, then what needs it."""
    if not _try(report, "user namespace", lambda: kernel.unshare(kernel.CLONE_NEWUSER)):
        return
    wire.send(report, {"map": True})
    wire.receive(report)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    if _try(report, "network namespace", lambda: kernel.unshare(kernel.CLONE_NEWNET)):
        _try(report, "pod network (netlink, nftables)", lambda: attach(TRY_ADDRESS)) and _try(
            report, "redirect to the hook", try_redirect
        )
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    if not _try(report, "mount and pid namespaces", lambda: kernel.unshare(flags)):
        return
    child = os.fork()  # the first process of the new pid namespace: only there can /proc be mounted
    if child == 0:
        try:
            for name, step in (
                ("mounts", try_mounts),
                ("overlay", try_overlay),
                ("proc", try_proc),
                ("sysfs", try_sysfs),
            ):
                _try(report, name, step)
            _try(report, "pivot_root", try_pivot)
            _try(report, "nested user namespace", lambda: kernel.unshare(kernel.CLONE_NEWUSER))
        except Exception as failure:
            wire.send(report, {"step": "container", "error": repr(failure), "number": 0})
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _try(report: socket.socket, name: str, step: Callable[[], None]) -> bool:
    try:
        step()
    except (OSError, StepFailure) as failure:
        number = (failure.errno or 0) if isinstance(failure, OSError) else failure.number
        wire.send(report, {"step": name, "error": str(failure), "number": number})
        return False
    wire.send(report, {"step": name})
    return True


def try_redirect() -> None:
    """A connection to somewhere must arrive at the hook. No name lookups: they import, and files are out of reach."""
    with socket.socket() as hook, socket.socket() as caller:
        hook.bind(("127.0.0.1", OUTBOUND_PORT))
        hook.listen()
        for end in (hook, caller):
            end.settimeout(CONNECT_TIMEOUT_S)
        caller.connect(("192.0.2.1", 80))
        hook.accept()[0].close()


def try_mounts() -> None:
    """A tmpfs, and a detached read-only tree of the host's moved into it."""
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    tree = kernel.open_tree("/usr")
    kernel.set_tree_attributes(tree, kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID)
    kernel.mount("tmpfs", STAGE, data="mode=0755")
    Path(STAGE, "root").mkdir()
    kernel.mount("tmpfs", f"{STAGE}/root", data="mode=0755")
    Path(STAGE, "root/tree").mkdir()
    kernel.attach_tree(tree, f"{STAGE}/root/tree")


def try_overlay() -> None:
    for name in ("upper", "work", "root/etc"):
        Path(STAGE, name).mkdir()
    layers = f"lowerdir=/etc,upperdir={STAGE}/upper,workdir={STAGE}/work,userxattr"
    kernel.mount("overlay", f"{STAGE}/root/etc", data=layers)
    Path(STAGE, "root/etc/pocketmesh-check").write_text("")
    if Path("/etc/pocketmesh-check").exists():
        raise StepFailure("a write reached the host")


def try_proc() -> None:
    Path(STAGE, "root/proc").mkdir()
    kernel.mount("proc", f"{STAGE}/root/proc", flags=kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def try_sysfs() -> None:
    Path(STAGE, "root/sys").mkdir()
    kernel.mount("sysfs", f"{STAGE}/root/sys", flags=kernel.MS_RDONLY)


def try_pivot() -> None:
    os.chdir(f"{STAGE}/root")
    Path(".old").mkdir()
    kernel.pivot_root(".", ".old")
    os.chdir("/")
    kernel.unmount("/.old")


def try_sockets(layout: Layout) -> None:
    """The longest socket path of a mesh can be bound in its run directory."""
    private_directory(layout.run)
    with tempfile.TemporaryDirectory(dir=layout.run, prefix="check-") as directory:
        name = Path(directory, "inbound.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(name))
