"""Start a container's first process, or a command inside a running one: fork, enter, drop everything, execute.

Parent side (`start`, `execute`) is the shim; what follows the fork runs in the child and reports through a socket
that closes by itself at execve. A process between the two enters the pid namespace and ends, so that the child
becomes the shim's own (a child of a process that ended belongs to its namespace's first).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import platform
import signal
import socket
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from orchestrator.runtimes import kernel, seccomp, wire
from orchestrator.runtimes.base import ContainerSpec, RuntimeFailure
from orchestrator.runtimes.idmap import IdMap
from orchestrator.runtimes.rootfs import RootSpec, Tree, enter_new_root

START_TIMEOUT_S = 15.0
"""A child that does not reach execve in this time (a dead network file system) is killed."""
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(slots=True)
class Namespaces:
    """Descriptors of a running container's namespaces; None = the pod's own pid namespace."""

    mount: int
    pid: int | None

    def close(self) -> None:
        wire.close_all([self.mount, *([self.pid] if self.pid is not None else [])])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all containers of a pod share."""

    ids: IdMap
    masked: Sequence[str]
    files: Mapping[str, str]
    share_process_namespace: bool


@dataclass(frozen=True, slots=True)
class Pipes:
    """The child's standard streams; `stdin` None = nothing to read. `terminal`: all three are the side of a
    pseudo-terminal that becomes the child's controlling terminal."""

    stdout: int
    stderr: int
    stdin: int | None = None
    terminal: bool = False


def start(
    spec: ContainerSpec, around: Surroundings, *, trees: Sequence[int], cgroups: Sequence[int], pipes: Pipes
) -> tuple[int, Namespaces]:
    """Start the container; returns its pid (in the pod's pid namespace) and its namespaces.

    `trees` are detached mounts: first those of `spec.visible` and the image, then one for each of `spec.mounts`;
    empty = this process can open the paths itself. Raises `RuntimeFailure`.
    """
    if spec.run_as_non_root and not spec.run_as_user:
        raise RuntimeFailure("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")
    capabilities = _capabilities(spec)
    nested = not around.share_process_namespace

    def child(report: socket.socket) -> None:
        for descriptor in cgroups:
            os.write(descriptor, b"0\n")
        visible, volumes = _trees(spec, trees)
        enter_new_root(
            RootSpec(around.masked, visible, volumes, around.files, spec.read_only_root),
        )
        own = [os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)]
        if nested:
            own.append(os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC))
        wire.send(report, {"namespaces": len(own)}, own)
        become(spec, around.ids, capabilities, pipes)

    flags = kernel.CLONE_NEWNS | (kernel.CLONE_NEWPID if nested else 0)
    pid, descriptors = _launch(child, lambda: kernel.unshare(flags))
    if not descriptors:
        raise RuntimeFailure("RunContainerError", "the container's process ended before it began")
    return pid, Namespaces(descriptors[0], descriptors[1] if nested else None)


def execute(
    spec: ContainerSpec, around: Surroundings, namespaces: Namespaces, *, argv: Sequence[str], pipes: Pipes
) -> int:
    """Run a command beside the container's processes, with its user and its lack of capabilities; returns its pid."""
    command = ContainerSpec(
        name=spec.name,
        argv=tuple(argv),
        log_path=spec.log_path,
        env=spec.env,
        workdir=spec.workdir,
        run_as_user=spec.run_as_user,
        run_as_group=spec.run_as_group,
        supplemental_groups=spec.supplemental_groups,
    )

    def enter() -> None:
        if namespaces.pid is not None:
            kernel.setns(namespaces.pid, kernel.CLONE_NEWPID)
        kernel.setns(namespaces.mount, kernel.CLONE_NEWNS)

    pid, _ = _launch(lambda _: become(command, around.ids, (), pipes), enter)
    return pid


def _launch(child: Callable[[socket.socket], None], enter: Callable[[], None]) -> tuple[int, list[int]]:
    """Fork twice; wait until the child has executed its program or said why not."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    between = os.fork()
    if between == 0:
        ours.close()
        _between(theirs, child, enter)
    theirs.close()
    ours.settimeout(START_TIMEOUT_S)
    pid, descriptors = 0, []
    try:
        while (received := wire.receive(ours)) is not None:
            message, sent = received
            descriptors += sent
            pid = message.get("pid", pid)
            if "error" in message:
                wire.close_all(descriptors)
                raise RuntimeFailure(message["reason"], message["error"])
    except TimeoutError:
        wire.close_all(descriptors)
        if pid:
            os.kill(pid, signal.SIGKILL)
        raise RuntimeFailure("RunContainerError", f"the process did not start in {START_TIMEOUT_S:.0f} s") from None
    finally:
        ours.close()
        os.waitpid(between, 0)
    if not pid:
        raise RuntimeFailure("RunContainerError", "the process could not be forked")
    return pid, descriptors


def _between(report: socket.socket, child: Callable[[socket.socket], None], enter: Callable[[], None]) -> NoReturn:
    """The process that enters the namespaces: its child is inside, it is not, and it ends."""
    try:
        kernel.set_dumpable(True)  # so that the child may write its own id map
        enter()
        pid = os.fork()
        if pid == 0:
            _child(report, child)
        wire.send(report, {"pid": pid})
    except OSError as failure:
        _refuse(report, failure, "CreateContainerError")
    finally:
        os._exit(0)


def _child(report: socket.socket, child: Callable[[socket.socket], None]) -> NoReturn:
    try:
        os.setsid()
        child(report)
    except RuntimeFailure as failure:
        wire.send(report, {"error": failure.message, "reason": failure.reason})
    except BaseException as failure:
        _refuse(report, failure, "CreateContainerError")
    finally:
        os._exit(127)


def _refuse(report: socket.socket, failure: BaseException, reason: str) -> None:
    where = f" ({failure.filename})" if isinstance(failure, OSError) and failure.filename else ""
    text = (failure.strerror or str(failure)) if isinstance(failure, OSError) else repr(failure)
    wire.send(report, {"error": f"{text}{where}", "reason": reason})


def _trees(spec: ContainerSpec, given: Sequence[int]) -> tuple[list[Tree], list[Tree]]:
    shown = visible_directories(spec)
    opened = list(given) or [kernel.open_tree(path) for path in (*shown, *(m.host_path for m in spec.mounts))]
    visible = [
        Tree(tree, path, read_only=True, pinned=path == spec.image_directory and path.count("/") > 1)
        for tree, path in zip(opened, shown, strict=False)
    ]
    volumes = [
        Tree(tree, str(Path("/", mount.mount_path)), mount.read_only)
        for tree, mount in zip(opened[len(shown) :], spec.mounts, strict=True)
    ]
    return visible, sorted(volumes, key=lambda tree: tree.target.count("/"))


def visible_directories(spec: ContainerSpec) -> tuple[str, ...]:
    """The image and what else stays visible, outer before inner, each once."""
    return tuple(sorted({*([spec.image_directory] if spec.image_directory else []), *spec.visible}, key=len))


def _capabilities(spec: ContainerSpec) -> tuple[int, ...]:
    wanted = [name.removeprefix("CAP_") for name in spec.capabilities]
    refused = [name for name in wanted if name not in kernel.CAPABILITIES]
    if refused:
        allowed = ", ".join(kernel.CAPABILITIES)
        message = f"capability {', '.join(refused)} cannot be given to a sandboxed container; allowed: {allowed}"
        raise RuntimeFailure("CreateContainerConfigError", message)
    return tuple(kernel.CAPABILITIES[name] for name in wanted)


def become(spec: ContainerSpec, ids: IdMap, capabilities: Sequence[int], pipes: Pipes) -> NoReturn:
    """Turn this process, already inside, into the container's program."""
    uid, gid = spec.run_as_user or 0, spec.run_as_group or 0
    stdin = os.open("/dev/null", os.O_RDONLY) if pipes.stdin is None else pipes.stdin
    if pipes.terminal:
        fcntl.ioctl(stdin, termios.TIOCSCTTY, 0)  # this process leads a new session
    for descriptor in {pipes.stdout, pipes.stderr}:
        if ids.whole and ids.host_id(uid) is not None:
            with contextlib.suppress(PermissionError):  # one made outside the pod may keep its owner
                os.fchown(descriptor, uid, -1)  # so that /dev/stdout can be opened again
    os.dup2(stdin, 0)
    os.dup2(pipes.stdout, 1)
    os.dup2(pipes.stderr, 2)
    kernel.join_new_session_keyring()
    _enter_directory(spec.workdir or "/")
    kernel.set_no_new_privileges()
    if rule := seccomp.program(platform.machine()):
        kernel.set_seccomp_filter(rule)
    kernel.bound_capabilities(capabilities)
    _take_ids(uid, gid, spec.supplemental_groups, ids)
    kernel.set_capabilities(capabilities if uid == 0 else ())
    kernel.default_signals()
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.umask(0o022)
    _execute(spec.argv, {"PATH": DEFAULT_PATH, "HOME": "/root" if uid == 0 else "/", **spec.env})


def _enter_directory(path: str) -> None:
    """An image's working directory is made when missing, as container engines do."""
    try:
        os.chdir(path)
    except FileNotFoundError:
        try:
            Path(path).mkdir(parents=True)
            os.chdir(path)
        except OSError as failure:
            raise RuntimeFailure("RunContainerError", f"working directory {path}: {failure.strerror}") from None


def _take_ids(uid: int, gid: int, groups: Sequence[int], ids: IdMap) -> None:
    if ids.host_id(uid) is not None and ids.host_id(gid) is not None:
        if ids.whole:
            os.setgroups([group for group in groups if ids.host_id(group) is not None])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        return
    # One id on the host: another user inside is the same one under another name (a nested user namespace).
    kernel.set_dumpable(True)
    own_uid, own_gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    kernel.bound_capabilities(())  # a new user namespace begins with all of them
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {own_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {own_gid} 1")


def _execute(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    try:
        os.execvpe(argv[0], list(argv), dict(env))
    except OSError as failure:
        looked_up = failure.errno == errno.ENOENT and "/" not in argv[0]
        text = "executable file not found in $PATH" if looked_up else os.strerror(failure.errno or 0)
        raise RuntimeFailure("RunContainerError", f'exec: "{argv[0]}": {text}') from None
