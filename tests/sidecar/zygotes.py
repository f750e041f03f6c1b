"""A running zygote for tests, and the client side of its socket."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sidecar.zygote import start_time

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0


class RunningZygote:
    def __init__(
        self,
        run: Path,
        *,
        preload: Sequence[str] = (),
        path: str = "",
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.run = run
        self._children: list[tuple[int, int]] = []
        self.socket_path = run / "z.sock"
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (run / "notify.sock").unlink(missing_ok=True)
        notify.bind(str(run / "notify.sock"))
        notify.settimeout(DEADLINE_S)
        preloads = [word for module in preload for word in ("--preload", module)]
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "sidecar", "zygote", "--socket", str(self.socket_path), *preloads],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}:{path}",
                "NOTIFY_SOCKET": str(run / "notify.sock"),
                **(environment or {}),
            },
        )
        try:
            assert notify.recv(100) == b"READY=1"
        except TimeoutError:
            self.process.kill()
            raise
        finally:
            notify.close()

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(DEADLINE_S)
        client.connect(str(self.socket_path))
        return client

    def fork(
        self,
        module: str,
        argv: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        out: int = 1,
        exit_file: Path | None = None,
    ) -> dict[str, Any]:
        message = {
            "verb": "fork",
            "module": module,
            "argv": list(argv),
            "env": dict(env or {}),
            "exit_file": str(exit_file or self.run / "exit"),
        }
        with self.connect() as client:
            socket.send_fds(client, [json.dumps(message).encode()], [out, 2])
            answer: dict[str, Any] = json.loads(client.recv(65536))
        if "pid" in answer:
            self._children.append((answer["pid"], answer["start_time"]))
        return answer

    def close(self) -> None:
        """The zygote and every child that is still there; for the end of a test."""
        if self.process.poll() is None:
            self.stop()
        for pid, started in self._children:
            try:
                if start_time(pid) == started:
                    os.kill(pid, signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                continue

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)


def wait_gone(pid: int) -> None:
    """Until the process has ended (it need not be our child)."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([handle], [], [], DEADLINE_S)[0], f"process {pid} did not end"
    os.close(handle)


def wait_file(path: Path) -> str:
    end = time.monotonic() + DEADLINE_S
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.005)
    return path.read_text()


def private_kib(pid: int) -> int:
    """Private memory (clean and dirty) of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
