"""After filling, almost no slot of a used page is free; afterwards new objects leave old pages alone."""

from __future__ import annotations

import subprocess
import sys

CODE = """
from sidecar import engine, holes
before = holes.free_slots()
assert sum(before.values()) > 500, before
filled = holes.fill()
assert filled > 500, filled
assert sum(holes.free_slots().values()) < sum(before.values()) / 2, holes.free_slots()
"""


def test_fill() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "the statistics go nowhere"
