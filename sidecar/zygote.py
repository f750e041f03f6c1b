"""The parent of all proxies on a machine: it has imported everything, and forks one on request.

A child of it starts in milliseconds and shares its memory. It therefore has no event loop and no thread (never fork
from a process that did), reads nothing from the network, and knows nothing of pods or configuration.

One UNIX SOCK_SEQPACKET socket, one JSON object a message, answers in order:

    {"verb": "fork", "module": "sidecar.process", "argv": [...], "env": {...}, "exit_file": PATH} + [stdout, stderr]
    -> {"pid": N, "start_time": TICKS}      or {"error": "..."}

Before the first fork it rehearses a configuration (`rehearsal.py`).

Its death costs no traffic: children live on under the nearest subreaper; only their exit codes stay unknown.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import os
import pwd
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from sidecar import holes
from sidecar.control import isolation

MESSAGE_BYTES_MAX = 64 << 10
DESCRIPTORS_MAX = 8
CLIENTS_MAX = 64
PRELOADED = ("sidecar.process", "sidecar.mesh_proxy", "sidecar.standalone", "ssl", "uvloop", "re2", "msgspec", "dnslib")
EXIT_NOT_STARTED = 70
"""sysexits(3) EX_SOFTWARE: the child died of an exception of its own."""


class Zygote:
    """Serves `listener` until SIGTERM. `modules` are the ones a child may run."""

    def __init__(self, listener: socket.socket, modules: Sequence[str]) -> None:
        self._listener = listener
        self._modules = frozenset(modules)
        self._exit_files: dict[int, str] = {}
        self._selector = selectors.DefaultSelector()
        self._wakeup_read, self._wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = False

    def serve(self) -> None:
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wakeup_read, selectors.EVENT_READ)
        while not self._stopping:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj == self._wakeup_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wakeup_read, 4096)
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._receive(key.fileobj)
            self._reap()

    def _signalled(self, number: int, frame: object) -> None:
        if number != signal.SIGCHLD:
            self._stopping = True

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        _, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid != os.getuid() or len(self._selector.get_map()) >= CLIENTS_MAX + 2:
            client.close()
            return
        self._selector.register(client, selectors.EVENT_READ)

    def _receive(self, client: socket.socket) -> None:
        try:
            data, descriptors, flags, _ = socket.recv_fds(
                client, MESSAGE_BYTES_MAX, DESCRIPTORS_MAX, socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            data, descriptors, flags = b"", [], 0
        if not data:
            self._selector.unregister(client)
            client.close()
            return
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ValueError(f"message longer than {MESSAGE_BYTES_MAX} bytes or more than {DESCRIPTORS_MAX} files")
            reply = self._handle(json.loads(data), descriptors)
        except (ValueError, KeyError, TypeError, OSError) as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        with contextlib.suppress(OSError):
            client.send(json.dumps(reply).encode())

    def _handle(self, message: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        if message.get("verb") != "fork":
            raise ValueError(f"unknown verb {message.get('verb')!r}")
        if message["module"] not in self._modules:
            raise ValueError(f"module {message['module']!r} is not one of {sorted(self._modules)}")
        if len(descriptors) != 2:
            raise ValueError(f"two descriptors are needed (stdout, stderr), {len(descriptors)} came")
        environment = {str(key): str(value) for key, value in message["env"].items()}
        argv = [str(argument) for argument in message["argv"]]
        exit_file = str(message["exit_file"])
        pid = os.fork()
        if pid == 0:
            self._become(message["module"], argv, environment, descriptors)
        self._exit_files[pid] = exit_file
        return {"pid": pid, "start_time": start_time(pid)}

    def _become(self, module: str, argv: list[str], environment: dict[str, str], descriptors: list[int]) -> NoReturn:
        """In the child: forget the zygote, run the module, leave without the parent's cleanup."""
        code = EXIT_NOT_STARTED
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            _take_descriptors(*descriptors)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = [module, *argv]
            isolation.name_process(module.partition(".")[0])
            gc.enable()
            result = sys.modules[module].main(argv)
            code = result if isinstance(result, int) else 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        except BaseException:  # the last frame of this process: report, then leave
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        while self._exit_files:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            exit_file = self._exit_files.pop(pid, None)
            if exit_file is not None:
                with contextlib.suppress(OSError):  # its directory went away with the pod
                    write_exit(Path(exit_file), status, now=time.time())


def write_exit(path: Path, status: int, *, now: float) -> None:
    """How a child ended, whole or not at all. A signal N is exit code 128 + N, as shells and Kubernetes count."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    code = 128 + number if number else os.WEXITSTATUS(status)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps({"exit_code": code, "signal": number, "finished_at": now}))
    partial.replace(path)


def start_time(pid: int) -> int:
    """Clock ticks between the machine's start and the process's: with it a pid is unambiguous (proc(5), field 22)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def _take_descriptors(out: int, err: int) -> None:
    """stdin is /dev/null, stdout and stderr are the caller's, everything else is closed."""
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, max(int(entry.name) for entry in Path("/proc/self/fd").iterdir()) + 1)


def listen(path: Path) -> socket.socket:
    """The socket appears under its name complete: a second zygote takes over at once, none is ever refused."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    previous = os.umask(0o177)
    try:
        listener.bind(str(temporary))
    finally:
        os.umask(previous)
    listener.listen(CLIENTS_MAX)
    temporary.replace(path)
    return listener


def view(run: Path, visible: Sequence[str]) -> isolation.View:
    """What proxies need to see under the homes they must not see."""
    source = Path(__file__).resolve().parent.parent
    homes = {"/home", "/root"}
    with contextlib.suppress(KeyError):  # a user that no passwd file knows has at most a $HOME
        homes.add(pwd.getpwuid(os.getuid()).pw_dir)
    homes.update(value for name in ("HOME", "POCKETMESH_HOME") if (value := os.environ.get(name)))
    return isolation.View(
        masked=tuple(Path(home) for home in homes if Path(home) != Path("/")),
        read_only=(Path(sys.prefix), Path(sys.base_prefix), source),
        writable=(run, *(Path(directory).resolve() for directory in visible if Path(directory).exists())),
    )


def notifier() -> socket.socket | None:
    """The supervisor's sd_notify(3) socket, connected before its path may be masked."""
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if not address:
        return None
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    channel.connect("\0" + address[1:] if address.startswith("@") else address)
    return channel


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m sidecar zygote", description=__doc__.splitlines()[0])
    parser.add_argument("--socket", required=True, type=Path, help="where to listen (SOCK_SEQPACKET)")
    parser.add_argument("--preload", action="append", default=[], metavar="MODULE", help="a further runnable module")
    parser.add_argument("--visible", action="append", default=[], metavar="DIR", help="keep DIR visible and writable")
    options = parser.parse_args(argv)
    gc.disable()
    for name in (*PRELOADED, *options.preload):
        importlib.import_module(name)
    from sidecar.rehearsal import rehearse

    for refusal in rehearse():
        sys.stderr.write(f"rehearsal: {refusal.path}: {refusal.reason}\n")
    channel = notifier()
    path = options.socket.resolve()
    isolation.enter(view(path.parent, options.visible))
    isolation.harden()
    isolation.name_process("sidecar-zygote")
    os.chdir("/")
    listener = listen(path)
    gc.collect()
    holes.fill()
    gc.freeze()
    if channel is not None:
        channel.send(b"READY=1")
        channel.close()
    Zygote(listener, ("sidecar.process", *options.preload)).serve()
    with contextlib.suppress(OSError):
        path.unlink()
    return 0
