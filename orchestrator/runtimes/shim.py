"""The process of one pod: parent of its containers, keeper of its network, its logs and its exit codes.

It is the first process of the pod's pid namespace, so it reaps whatever is orphaned and its end is the end of the
pod; nothing else holds a pod together, and nobody needs to be alive for a pod to run. One thread, one selector, no
event loop of asyncio: it is forked from a zygote and should cost a few hundred kilobytes.

Verbs over `shim.sock` are one method each (`_VERBS`); `watch` turns the connection into a stream of exits.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import msgspec

from orchestrator.runtimes import container, wire
from orchestrator.runtimes.base import LOG_BYTES_MAX, ContainerSpec, ContainerState, RuntimeFailure
from orchestrator.runtimes.container import Namespaces, Pipes, Surroundings
from orchestrator.runtimes.executions import Executions
from orchestrator.runtimes.logs import LogFile

CONNECTIONS_MAX = 64
HOOKS_MAX = 64
READ_BYTES = 64 << 10
ATTEMPTS_KEPT = 2
DRAIN_READS_MAX = 64
"""After a container's end its pipes are read this often at most: a stray process may hold and fill them."""
TICK_S = 0.1
SOCKET_TYPES = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM}
HOOK_BACKLOG = 4096


@dataclass(slots=True)
class Attempt:
    """One run of a container, and what of it is still open."""

    spec: ContainerSpec
    state: ContainerState
    pid: int
    namespaces: Namespaces
    pipes: list[int] = field(default_factory=list)
    log: LogFile | None = None


INBOUND = "inbound.sock"
"""The hook of type `unix`: `listen {address: "inbound.sock", port: 0, type: "unix"}` hands out the pod's front door."""


class Shim:
    """`listener` is the socket of the verbs; `log_directory` an open directory; `allowed` the uids of its users.

    `inbound` is where the pod's callers connect (None = host network): held here, they wait while its proxy restarts.
    """

    def __init__(
        self, listener: socket.socket, log_directory: int, around: Surroundings, *, allowed: frozenset[int],
        description: dict[str, Any], inbound: socket.socket | None = None,
    ) -> None:  # fmt: skip
        self._listener = listener
        self._log_directory = log_directory
        self._around = around
        self._allowed = allowed
        self._description = description
        self._selector = selectors.DefaultSelector()
        self._attempts: dict[str, list[Attempt]] = {}
        self._executions = Executions(self._selector)
        self._hooks: dict[tuple[str, int, str], socket.socket] = {}
        if inbound is not None:
            self._hooks[INBOUND, 0, "unix"] = inbound
        self._attached: dict[socket.socket, int] = {}
        self._watchers: set[socket.socket] = set()
        self._connections: set[socket.socket] = set()
        self._stopping = False

    def run(self) -> None:
        """Serve until told to stop."""
        self._listener.listen(CONNECTIONS_MAX)  # again: peers read the pid of whoever called listen last
        wake, woken = socket.socketpair()
        for end in (wake, woken, self._listener):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(wake, selectors.EVENT_READ, lambda: self._reap(wake))
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        while not self._stopping:
            for key, _ in self._selector.select(TICK_S if self._executions else None):
                try:
                    key.data()
                except Exception:
                    sys.stderr.write(traceback.format_exc())
            self._executions.expire(time.monotonic())

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if wire.peer_uid(connection) not in self._allowed or len(self._connections) >= CONNECTIONS_MAX:
            connection.close()
            return
        connection.setblocking(False)
        self._connections.add(connection)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._serve(connection))

    def _serve(self, connection: socket.socket) -> None:
        try:
            received = wire.receive(connection)
        except BlockingIOError:
            return
        except (OSError, wire.WireError):
            received = None
        if received is None:
            self._hang_up(connection)
            return
        message, descriptors = received
        try:
            verb = _VERBS.get(message.get("verb", ""))
            if verb is None:
                raise RuntimeFailure("InvalidVerb", f"no such verb: {message.get('verb')}")
            answer = verb(self, message, descriptors, connection)
        except RuntimeFailure as failure:
            answer = {"error": failure.message, "reason": failure.reason}, ()
        except (OSError, KeyError, msgspec.MsgspecError) as failure:
            answer = {"error": str(failure), "reason": "RunContainerError"}, ()
        finally:
            wire.close_all(descriptors)
        if answer is not None:
            self._reply(connection, *answer)

    def _reply(self, connection: socket.socket, message: wire.Message, descriptors: tuple[int, ...] = ()) -> None:
        try:
            wire.send(connection, message, descriptors)
        except OSError:
            self._hang_up(connection)  # gone, or too slow to read: it asks again

    def _hang_up(self, connection: socket.socket) -> None:
        self._watchers.discard(connection)
        if (command := self._attached.pop(connection, None)) is not None:
            self._executions.abandon(command)
        if connection in self._connections:
            self._connections.discard(connection)
            self._selector.unregister(connection)
            connection.close()

    # verbs of whoever holds the hooks

    def _listen(self, message: wire.Message, _: list[int], __: socket.socket) -> Answer:
        key = (str(message["address"]), int(message["port"]), str(message["type"]))
        hook = self._hooks.get(key)
        if hook is None:
            if len(self._hooks) >= HOOKS_MAX:
                raise RuntimeFailure("TooManyHooks", f"a pod has at most {HOOKS_MAX} hooks")
            hook = _pod_socket(key[2])
            try:
                hook.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                hook.bind(key[:2])
                if key[2] == "stream":
                    hook.listen(HOOK_BACKLOG)
            except OSError:
                hook.close()
                raise
            self._hooks[key] = hook
        return {}, (hook.fileno(),)

    def _socket(self, message: wire.Message, _: list[int], connection: socket.socket) -> Answer:
        with _pod_socket(str(message["type"])) as made:
            self._reply(connection, {}, (made.fileno(),))
        return None

    # verbs of the kubelet

    def _start_container(self, message: wire.Message, descriptors: list[int], _: socket.socket) -> Answer:
        spec = msgspec.convert(message["spec"], ContainerSpec)
        attempts = self._attempts.setdefault(spec.name, [])
        if any(attempt.state.running for attempt in attempts):
            raise RuntimeFailure("RunContainerError", f"container {spec.name} is already running")
        trees = descriptors[: int(message.get("trees", 0))]
        cgroups = descriptors[len(trees) :]
        log = LogFile(self._log_directory, spec.log_path, spec.log_bytes_max)
        out, out_write = os.pipe2(os.O_CLOEXEC)
        err, err_write = os.pipe2(os.O_CLOEXEC)
        try:
            pid, namespaces = container.start(
                spec, self._around, trees=trees, cgroups=cgroups, pipes=Pipes(out_write, err_write)
            )
        except BaseException:
            wire.close_all([out, err])
            log.close()
            raise
        finally:
            wire.close_all([out_write, err_write])
        enforced = bool(cgroups) or not any((spec.limits.cpu_millis, spec.limits.memory_bytes, spec.limits.pids))
        state = ContainerState(spec.name, spec.attempt, True, time.time(), limits_enforced=enforced)
        attempt = Attempt(spec, state, pid, namespaces, log=log)
        attempts.append(attempt)
        del attempts[:-ATTEMPTS_KEPT]
        self._follow(attempt, out, "stdout")
        self._follow(attempt, err, "stderr")
        return {"state": asdict(state)}, ()

    def _follow(self, attempt: Attempt, pipe: int, stream: str) -> None:
        os.set_blocking(pipe, False)
        attempt.pipes.append(pipe)
        self._selector.register(pipe, selectors.EVENT_READ, lambda: self._pump(attempt, pipe, stream))

    def _pump(self, attempt: Attempt, pipe: int, stream: str) -> bool:
        """Move what is there from a pipe to the log; False when there was nothing."""
        try:
            data = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            return False
        if data and attempt.log:
            attempt.log.write(stream, data)
            return True
        self._selector.unregister(pipe)
        attempt.pipes.remove(pipe)
        os.close(pipe)
        return False

    def _containers(self, _: wire.Message, __: list[int], ___: socket.socket) -> Answer:
        states = [asdict(attempt.state) for attempts in self._attempts.values() for attempt in attempts]
        return {"containers": states}, ()

    def _describe(self, _: wire.Message, __: list[int], ___: socket.socket) -> Answer:
        return self._description, ()

    def _running(self, name: str) -> Attempt | None:
        attempts = self._attempts.get(name, [])
        return attempts[-1] if attempts and attempts[-1].state.running else None

    def _signal(self, message: wire.Message, _: list[int], __: socket.socket) -> Answer:
        attempt = self._running(message["name"])
        if attempt is not None:
            os.kill(attempt.pid, int(message["signal"]))
        return {}, ()

    def _exec(self, message: wire.Message, descriptors: list[int], connection: socket.socket) -> Answer:
        """With descriptors (stdin, stdout, stderr; or one terminal) they are the command's streams, and it ends
        when the connection does."""
        attempt = self._running(message["name"])
        if attempt is None:
            raise RuntimeFailure("NotRunning", f"container {message['name']} is not running")
        argv = [str(word) for word in message["argv"]]

        def launch(pipes: Pipes) -> int:
            return container.execute(attempt.spec, self._around, attempt.namespaces, argv=argv, pipes=pipes)

        def reply(answer: wire.Message) -> None:
            if connection in self._connections:
                self._reply(connection, answer)

        if descriptors:
            stdin, out, err = descriptors if len(descriptors) == 3 else descriptors[:1] * 3
            pipes = Pipes(out, err, stdin, terminal=len(descriptors) == 1)
            self._attached[connection] = self._executions.start_attached(launch, pipes, reply)
        else:
            self._executions.start(launch, reply, timeout_s=float(message["timeout_s"]))
        return None

    def _open_log(self, message: wire.Message, _: list[int], connection: socket.socket) -> Answer:
        """A pipe that ends in a log file, for a process outside the pod."""
        spec = ContainerSpec("", (), str(message["log_path"]))
        log = LogFile(self._log_directory, spec.log_path, int(message.get("log_bytes_max", LOG_BYTES_MAX)))
        read, write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read, False)
        self._selector.register(read, selectors.EVENT_READ, lambda: self._pump_foreign(read, log, "stdout"))
        self._reply(connection, {}, (write,))
        os.close(write)
        return None

    def _pump_foreign(self, pipe: int, log: LogFile, stream: str) -> None:
        data = os.read(pipe, READ_BYTES)
        if data:
            log.write(stream, data)
            return
        self._selector.unregister(pipe)
        os.close(pipe)
        log.close()

    def _watch(self, _: wire.Message, __: list[int], connection: socket.socket) -> Answer:
        self._watchers.add(connection)
        return self._containers({}, [], connection)

    def _stop(self, _: wire.Message, __: list[int], connection: socket.socket) -> Answer:
        """End everything; the caller hears it when the pid namespace is empty but for this process."""
        self._stopping = True
        self._listener.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(-1, signal.SIGKILL)  # in a pid namespace: everybody but its first process, which this is
        with contextlib.suppress(ChildProcessError):
            while True:
                self._ended(*os.waitpid(-1, 0))
        connection.setblocking(True)
        return {}, ()

    # ends of processes

    def _reap(self, wake: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while wake.recv(1024):
                pass
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._ended(pid, status)

    def _ended(self, pid: int, status: int) -> None:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        code = 128 + number if number else os.WEXITSTATUS(status)
        if self._executions.ended(pid, code):
            return
        for attempts in self._attempts.values():
            for attempt in attempts:
                if attempt.pid == pid and attempt.state.running:
                    self._exited(attempt, code, number)

    def _exited(self, attempt: Attempt, code: int, number: int) -> None:
        for pipe, stream in zip(list(attempt.pipes), ("stdout", "stderr"), strict=False):
            for _ in range(DRAIN_READS_MAX):
                if not self._pump(attempt, pipe, stream):
                    break
        for pipe in list(attempt.pipes):
            self._selector.unregister(pipe)
            attempt.pipes.remove(pipe)
            os.close(pipe)
        if attempt.log:
            attempt.log.close()
            attempt.log = None
        attempt.namespaces.close()
        attempt.state = replace(attempt.state, running=False, finished_at=time.time(), exit_code=code, signal=number)
        for watcher in list(self._watchers):
            self._reply(watcher, {"exit": asdict(attempt.state)})


Answer = tuple[wire.Message, tuple[int, ...]] | None
"""What a verb replies at once; None = it replied itself, or will."""
_Verb = Callable[[Shim, wire.Message, list[int], socket.socket], Answer]
_VERBS: dict[str, _Verb] = {
    "listen": Shim._listen,
    "socket": Shim._socket,
    "describe": Shim._describe,
    "start_container": Shim._start_container,
    "containers": Shim._containers,
    "signal": Shim._signal,
    "exec": Shim._exec,
    "open_log": Shim._open_log,
    "watch": Shim._watch,
    "stop": Shim._stop,
}


def _pod_socket(kind: str) -> socket.socket:
    if kind not in SOCKET_TYPES:
        raise RuntimeFailure("InvalidVerb", f"no such socket type: {kind}")
    return socket.socket(socket.AF_INET, SOCKET_TYPES[kind] | socket.SOCK_CLOEXEC)
