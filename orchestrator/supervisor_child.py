"""One supervised process: how it is started, when it counts as ready, how long a restart waits.

Readiness is sd_notify(3): each process has a datagram socket of its own, so the sender needs no identification.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.process_identity import ProcessIdentity, start_time

BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 1.0
"""Whatever dies is back within a second."""
STEADY_AFTER_S = 10.0
"""A process that lived this long has earned a fresh back-off."""
LOG_BYTES_MAX = 10 << 20


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """`after` names the process whose readiness this one's first start awaits; "" = none."""

    name: str
    argv: tuple[str, ...]
    after: str = ""


@dataclass(slots=True)
class Child:
    """A process under supervision and its present life. `next_start_s` is monotonic time."""

    spec: ChildSpec
    run: Path
    log: Path
    env: Mapping[str, str]
    identity: ProcessIdentity | None = None
    ready: bool = False
    started_s: float = 0.0
    next_start_s: float = 0.0
    backoff_s: float = BACKOFF_FIRST_S
    notify: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        path = self.run / f"notify-{self.spec.name}.sock"
        path.unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notify.bind(str(path))

    def start(self) -> None:
        """Start the process in a session of its own, with its log as stdout and stderr."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        environment = {**self.env, "NOTIFY_SOCKET": str(self.notify.getsockname())}
        pid = os.posix_spawn(
            self.spec.argv[0],
            list(self.spec.argv),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log), flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGCHLD],
        )
        self.identity = ProcessIdentity(pid, start_time(pid))
        self.ready = False
        self.started_s = time.monotonic()

    def notified(self) -> None:
        """Read what the process said; READY=1 may come with other lines."""
        try:
            while message := self.notify.recv(4096):
                self.ready = self.ready or b"READY=1" in message.split(b"\n")
        except BlockingIOError:
            return

    def ended(self) -> None:
        """Plan the next start."""
        now = time.monotonic()
        if now - self.started_s > STEADY_AFTER_S:
            self.backoff_s = BACKOFF_FIRST_S
        self.identity, self.ready = None, False
        self.next_start_s = now + self.backoff_s
        self.backoff_s = min(self.backoff_s * 2, BACKOFF_MAX_S)

    @property
    def pid(self) -> int:
        return self.identity.pid if self.identity else 0


def due(children: Sequence[Child], now: float) -> tuple[list[Child], float | None]:
    """Which children to start now, and in how many seconds the next one is due (None = none is). Pure."""
    by_name = {child.spec.name: child for child in children}
    start: list[Child] = []
    wait: float | None = None
    for child in children:
        if child.identity is not None:
            continue
        first = child.started_s == 0.0
        if first and child.spec.after and not by_name[child.spec.after].ready:
            continue
        if child.next_start_s <= now:
            start.append(child)
        else:
            remaining = child.next_start_s - now
            wait = remaining if wait is None else min(wait, remaining)
    return start, wait
