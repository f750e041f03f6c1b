"""Proxies: forked from the sidecar zygote, running on the host's network, watched from here by pidfd.

The zygote is the parent, so it alone learns the exit status and leaves it in a file; the kubelet, which may be a
later one than the one that started the proxy, waits for the process and reads the file. A pid found in a record is
trusted only with its start time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from orchestrator.process_identity import ProcessIdentity
from orchestrator.runtimes.base import EXIT_CODE_UNKNOWN, RuntimeFailure
from orchestrator.runtimes.shim_client import ask, process_ended

EXIT_FILE_WAIT_S = 1.0
"""The zygote writes the file after the process ended, so it may come a moment later than the end."""
EXIT_FILE_POLL_S = 0.01


class Exit(msgspec.Struct, frozen=True):
    """How a process ended; `exit_code` as Kubernetes reports it (128 + signal), `finished_at` in epoch seconds."""

    exit_code: int
    signal: int = 0
    finished_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ProxySpec:
    """What the zygote runs: `module.main(argv)` with exactly this environment."""

    module: str
    argv: Sequence[str]
    env: Mapping[str, str]
    exit_file: Path


class Proxy:
    """A running (or ended) proxy; the same after `adopt` as after `start`."""

    def __init__(self, identity: ProcessIdentity, exit_file: Path) -> None:
        self.identity = identity
        self.exit_file = exit_file

    def signal(self, number: int) -> None:
        """Send a signal; nothing if the process has ended."""
        self.identity.kill(number)

    async def wait(self) -> Exit:
        """Return when the process has ended; an end that nobody saw has the code EXIT_CODE_UNKNOWN."""
        await process_ended(self.identity)
        deadline = time.monotonic() + EXIT_FILE_WAIT_S
        while time.monotonic() < deadline:
            found = _read(self.exit_file)
            if found is not None:
                return found
            await asyncio.sleep(EXIT_FILE_POLL_S)
        return Exit(EXIT_CODE_UNKNOWN, finished_at=time.time())


class ProxyRuntime:
    """Asks the sidecar zygote at `socket` for processes."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)

    async def start(self, spec: ProxySpec, *, stdout: int, stderr: int) -> Proxy:
        """Fork a proxy. The descriptors stay the caller's. Raises `RuntimeFailure`."""
        spec.exit_file.unlink(missing_ok=True)
        message = {
            "verb": "fork",
            "module": spec.module,
            "argv": list(spec.argv),
            "env": dict(spec.env),
            "exit_file": str(spec.exit_file),
        }
        try:
            answer, _ = await ask(self._socket, message, [stdout, stderr])
        except RuntimeFailure as failure:
            raise RuntimeFailure("RunContainerError", f"sidecar zygote: {failure.message}") from None
        return Proxy(ProcessIdentity(answer["pid"], answer["start_time"]), spec.exit_file)

    @staticmethod
    def adopt(pid: int, start_time: int, exit_file: Path) -> Proxy:
        """A proxy of an earlier kubelet's; it may have ended meanwhile."""
        return Proxy(ProcessIdentity(pid, start_time), exit_file)


def _read(path: Path) -> Exit | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Exit)
    except (OSError, msgspec.MsgspecError):
        return None
