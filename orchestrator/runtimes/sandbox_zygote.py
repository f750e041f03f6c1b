"""The parent of all shims: everything imported, one thread, no event loop, and a fork for each pod.

A request is answered by the process that makes the pod, not by the zygote, so pods are made side by side. It is
three forks deep because each step needs another standing: the maker is the host's user (it makes the socket and
writes the id map), its child enters the namespaces and sets up the network, and that one's child is the first
process of the pod's pid namespace, the shim, which stays.
"""

from __future__ import annotations

import argparse
import gc
import os
import pwd
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from orchestrator.network.attachment import attach
from orchestrator.notify import notify_ready
from orchestrator.process_identity import start_time
from orchestrator.runtimes import idmap, kernel, wire
from orchestrator.runtimes.base import SandboxSpec
from orchestrator.runtimes.container import Surroundings
from orchestrator.runtimes.idmap import IdMap
from orchestrator.runtimes.rootplan import MASKED
from orchestrator.runtimes.shim import INBOUND, Shim

CREATE_TIMEOUT_S = 20.0
HOSTNAME_BYTES_MAX = 64
OVERFLOW_ID = 65534


@dataclass(frozen=True, slots=True)
class Request:
    """A pod to make: its spec and its run directory."""

    spec: SandboxSpec
    directory: Path


def masked_paths(home: Path, run: Path) -> tuple[str, ...]:
    """What no pod may see: homes, this mesh's state, other people's temporary files."""
    owner = pwd.getpwuid(os.getuid()).pw_dir if _known_user() else "/"
    candidates = (*MASKED, str(home), str(run), owner, os.environ.get("HOME", "/"))
    extra = (os.environ.get(name, "/") for name in ("TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"))
    return tuple(sorted({os.path.realpath(path) for path in (*candidates, *extra) if path} - {"/"}))


def _known_user() -> bool:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return True


class SandboxZygote:
    """Serves the one verb `create` on a socket until it is ended by a signal."""

    def __init__(self, socket_path: Path, masked: Sequence[str]) -> None:
        self._listener = wire.listen(str(socket_path))
        self._masked = masked

    def run(self) -> NoReturn:
        gc.collect()
        gc.freeze()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # makers need no reaping
        while True:
            connection, _ = self._listener.accept()
            if wire.peer_uid(connection) == os.getuid():
                connection.settimeout(CREATE_TIMEOUT_S)
                if os.fork() == 0:
                    self._listener.close()
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    self._make(connection)
            connection.close()

    def _make(self, connection: socket.socket) -> NoReturn:
        try:
            received = wire.receive(connection)
            if received is not None:
                request = msgspec.convert(
                    {key: received[0][key] for key in ("spec", "directory")}, Request, dec_hook=_decode
                )
                wire.send(connection, make_sandbox(request, self._masked))
        except (OSError, KeyError, RuntimeError, msgspec.MsgspecError, wire.WireError) as failure:
            sys.stderr.write(f"sandbox: {failure}\n")
            wire.send(connection, {"error": str(failure), "reason": "FailedCreatePodSandBox"})
        finally:
            os._exit(0)


def _decode(kind: type[Any], value: Any) -> Any:
    return kind(value)


def make_sandbox(request: Request, masked: Sequence[str]) -> dict[str, Any]:
    """Make the pod from a single-threaded process of the host's; returns what `describe` will say, and the pid."""
    spec = request.spec
    number = idmap.pod_number(spec.ip, spec.uid)
    ids = idmap.choose(os.getuid(), Path("/proc/self/uid_map").read_text(), number)
    request.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    logs = _open_log_directory(Path(spec.log_directory), ids)
    listener = wire.listen(str(request.directory / "shim.sock"))
    inbound = None if spec.host_network else wire.listen(str(request.directory / INBOUND), kind=socket.SOCK_STREAM)
    description = {"uid": spec.uid, "ip": spec.ip, "id_base": ids.base, "id_count": ids.count}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(CREATE_TIMEOUT_S)
    child = os.fork()
    if child == 0:
        ours.close()
        around = Surroundings(ids, masked, _files(spec), spec.share_process_namespace)
        allowed = frozenset({OVERFLOW_ID if ids.whole else 0})  # the host's root is nobody in here
        shim = Shim(listener, logs, around, allowed=allowed, description=description, inbound=inbound)
        _enter(theirs, spec, ids, shim)
    theirs.close()
    if inbound is not None:
        inbound.close()
    _expect(ours)
    kind = "" if ids.whole or os.getuid() == 0 else "deny"
    if kind:
        Path(f"/proc/{child}/setgroups").write_text(kind)
    gid_base = ids.base if ids.whole else os.getgid()
    Path(f"/proc/{child}/uid_map").write_text(f"0 {ids.base} {ids.count}")
    Path(f"/proc/{child}/gid_map").write_text(f"0 {gid_base} {ids.count}")
    wire.send(ours, {})
    pid = int(_expect(ours)["pid"])
    os.waitpid(child, 0)
    return {**description, "pid": pid, "start_time": start_time(pid)}


def _expect(connection: socket.socket) -> wire.Message:
    received = wire.receive(connection)
    if received is None:
        raise RuntimeError("the sandbox ended before it was ready")
    if "error" in received[0]:
        raise RuntimeError(received[0]["error"])
    return received[0]


def _open_log_directory(path: Path, ids: IdMap) -> int:
    path.mkdir(parents=True, exist_ok=True)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if ids.whole:
        os.fchown(directory, ids.base, ids.base)
    return directory


def _files(spec: SandboxSpec) -> dict[str, str]:
    """/etc/hosts, resolv.conf and hostname as the kubelet writes them."""
    own = [spec.fqdn, spec.hostname] if spec.fqdn else [spec.hostname]
    hosts = ["127.0.0.1\tlocalhost", *([f"{spec.ip}\t{' '.join(own)}"] if spec.ip else [])]
    hosts += [f"{address}\t{' '.join(names)}" for address, names in spec.hosts.items()]
    lines = [f"nameserver {server}" for server in spec.dns.nameservers]
    lines += [f"search {' '.join(spec.dns.searches)}"] if spec.dns.searches else []
    lines += [f"options {' '.join(spec.dns.options)}"] if spec.dns.options else []
    files = {"/etc/hosts": "\n".join(hosts) + "\n", "/etc/hostname": spec.hostname + "\n"}
    return {**files, "/etc/resolv.conf": "\n".join(lines) + "\n"} if lines else files


def _enter(report: socket.socket, spec: SandboxSpec, ids: IdMap, shim: Shim) -> NoReturn:
    """Become the pod's root in its own namespaces, attach the network, and fork the shim."""
    try:
        os.setsid()
        os.chdir("/")
        flags = kernel.CLONE_NEWUSER | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWPID
        kernel.unshare(flags | (0 if spec.host_network else kernel.CLONE_NEWNET))
        wire.send(report, {})
        _expect(report)
        if ids.whole:
            os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        socket.sethostname(spec.hostname[:HOSTNAME_BYTES_MAX])
        if not spec.host_network:
            attach(spec.ip)
        shim_pid = os.fork()
        if shim_pid == 0:
            report.close()
            _serve(shim)
        wire.send(report, {"pid": shim_pid})
    except (OSError, RuntimeError) as failure:
        where = f" ({failure.filename})" if isinstance(failure, OSError) and failure.filename else ""
        wire.send(report, {"error": f"{failure}{where}"})
    finally:
        os._exit(0)


def _serve(shim: Shim) -> NoReturn:
    try:
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        kernel.set_dumpable(False)
        shim.run()
    finally:
        os._exit(0)


def main(argv: Sequence[str]) -> int:
    """`python -m orchestrator sandbox-zygote --socket PATH --home HOME`."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator sandbox-zygote")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    options = parser.parse_args(argv)
    zygote = SandboxZygote(options.socket, masked_paths(options.home, options.socket.parent))
    notify_ready()
    zygote.run()
