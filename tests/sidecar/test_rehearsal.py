"""The rehearsal is accepted by the engine as it is, and leaves neither descriptors nor threads behind."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import os, threading
from sidecar.rehearsal import rehearse
before = set(os.listdir("/proc/self/fd"))
refusals = rehearse(2)
assert refusals == [], refusals
after = set(os.listdir("/proc/self/fd"))
assert after == before, after - before
assert threading.active_count() == 1
assert len(os.listdir("/proc/self/task")) == 1
"""


def test_nothing_is_refused_and_nothing_is_left() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
