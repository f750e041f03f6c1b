"""The isolation of an ordinary user: a user namespace, in which it keeps its id and loses every capability."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PYTHON = Path("/usr/bin/python3")
USER_ID = 64124
SCRIPT = r"""
import os, sys, types
from pathlib import Path
isolation = sys.modules["isolation"] = types.ModuleType("isolation")
exec(compile(sys.stdin.read(), "isolation.py", "exec"), isolation.__dict__)
state = Path(sys.argv[1])
code = state / "code"
isolation.enter(isolation.View((state,), (code,), (state / "run",)))
isolation.harden()
(state / "run" / "x").write_text("x")
try:
    (code / "x").write_text("x")
    print("code is writable")
except OSError as error:
    print(os.strerror(error.errno))
print(os.getuid() == os.stat(state / "run").st_uid, sorted(os.listdir(state)))
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines())
print(int(status["CapEff"], 16), int(status["CapPrm"], 16), status["NoNewPrivs"])
try:
    isolation.mount("none", str(state), flags=isolation.MS_PRIVATE)
except OSError as error:
    print(os.strerror(error.errno))
"""


@pytest.fixture
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pm-isolation-") as name:
        for path in (Path(name), *(Path(name) / part for part in ("run", "code", "secrets"))):
            path.mkdir(exist_ok=True)
            if os.getuid() == 0:
                os.chown(path, USER_ID, USER_ID)
        yield Path(name)


@pytest.mark.skipif(not PYTHON.exists(), reason="needs a Python that every user can read")
def test_ordinary_user(state: Path) -> None:
    source = (ROOT / "sidecar" / "control" / "isolation.py").read_text()
    command = [str(PYTHON), "-c", SCRIPT, str(state)]
    ordinary: dict[str, Any] = {"user": USER_ID, "group": USER_ID, "extra_groups": []} if os.getuid() == 0 else {}
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False, cwd="/", **ordinary)
    assert done.stdout.splitlines() == [
        "Read-only file system",
        "True ['code', 'run']",
        "0 0 1",
        "Operation not permitted",
    ], done.stderr
    assert (state / "run" / "x").exists(), "the run directory is the real one"
