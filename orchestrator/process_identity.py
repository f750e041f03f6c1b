"""Which process a pid means: a pid alone may have been given to another process since.

The kernel's start time (field 22 of /proc/PID/stat, clock ticks since boot) makes it unique.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_START_TIME_FIELD = 19
"""Counted from the state, the first field after the name in parentheses (proc(5))."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    pid: int
    start_time: int

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        fields = _stat(self.pid)
        return fields is not None and int(fields[_START_TIME_FIELD]) == self.start_time and fields[0] not in "ZX"

    def kill(self, number: int = signal.SIGKILL) -> bool:
        """Send a signal to this very process; False when it is gone."""
        descriptor = self.open()
        if descriptor is None:
            return False
        try:
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True

    def open(self) -> int | None:
        """A pidfd of this very process; None when it is gone."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        if start_time(self.pid) == self.start_time:
            return descriptor
        os.close(descriptor)
        return None


def start_time(pid: int) -> int:
    """Ticks since boot at which the process began; 0 = no such process."""
    fields = _stat(pid)
    return int(fields[_START_TIME_FIELD]) if fields else 0


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()
