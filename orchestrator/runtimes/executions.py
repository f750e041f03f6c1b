"""Commands run inside containers: for probes and hooks (bounded in time and output, which is collected) and for
people (`attached`: their streams are somebody else's, and they end with whoever asked). Both are bounded in number."""

from __future__ import annotations

import base64
import contextlib
import math
import os
import selectors
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.runtimes import wire
from orchestrator.runtimes.base import RuntimeFailure
from orchestrator.runtimes.container import Pipes

EXECUTIONS_MAX = 32
OUTPUT_BYTES_MAX = 16 << 10
READ_BYTES = 64 << 10
DRAIN_READS_MAX = 64

Reply = Callable[[wire.Message], None]


@dataclass(slots=True)
class Execution:
    """A command under way; `reply` tells whoever asked. `deadline` is monotonic time. `pipe` None = attached."""

    reply: Reply
    deadline: float
    pipe: int | None
    output: bytearray = field(default_factory=bytearray)
    timed_out: bool = False


class Executions:
    """Those of one pod, by pid."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._running: dict[int, Execution] = {}

    def __bool__(self) -> bool:
        return bool(self._running)

    def start(self, launch: Callable[[Pipes], int], reply: Reply, *, timeout_s: float) -> None:
        """Start a command with `launch(pipes) -> pid`; `reply` is called once, when it has ended."""
        self._check_room()
        read, write = os.pipe2(os.O_CLOEXEC)
        try:
            pid = launch(Pipes(write, write))
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        os.set_blocking(read, False)
        execution = Execution(reply, time.monotonic() + timeout_s, read)
        self._running[pid] = execution
        self._selector.register(read, selectors.EVENT_READ, lambda: self._collect(execution, read))

    def start_attached(self, launch: Callable[[Pipes], int], pipes: Pipes, reply: Reply) -> int:
        """Start a command on streams that the caller holds; returns its pid, for `abandon`."""
        self._check_room()
        pid = launch(pipes)
        self._running[pid] = Execution(reply, math.inf, None)
        return pid

    def abandon(self, pid: int) -> None:
        """Whoever asked is gone: nobody else would ever end the command."""
        if pid in self._running:
            _kill(pid)

    def _check_room(self) -> None:
        if len(self._running) >= EXECUTIONS_MAX:
            raise RuntimeFailure("TooManyExecs", f"at most {EXECUTIONS_MAX} commands at once in a pod")

    def ended(self, pid: int, code: int) -> bool:
        """Report the end of a command; False when the pid is none of ours."""
        execution = self._running.pop(pid, None)
        if execution is None:
            return False
        if execution.pipe is not None:
            self._finish_pipe(execution, execution.pipe)
        output = base64.b64encode(execution.output).decode()
        execution.reply({"exit_code": code, "output": output, "timed_out": execution.timed_out})
        return True

    def _finish_pipe(self, execution: Execution, pipe: int) -> None:
        for _ in range(DRAIN_READS_MAX):
            if not self._collect(execution, pipe):
                break
        with contextlib.suppress(KeyError):
            self._selector.unregister(pipe)
        os.close(pipe)

    def expire(self, now: float) -> None:
        """Kill what ran past its time; its end is reported when it is reaped."""
        for pid, execution in self._running.items():
            if now >= execution.deadline and not execution.timed_out:
                execution.timed_out = True
                _kill(pid)

    def _collect(self, execution: Execution, pipe: int) -> bool:
        """Read what is there; False when there was nothing more."""
        try:
            data = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(pipe)
            return False
        execution.output += data[: OUTPUT_BYTES_MAX - len(execution.output)]
        return True


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # every command leads a session of its own
