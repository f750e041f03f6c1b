"""All of this again as an ordinary user, with the distribution's Python, from a clone outside root's home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.meshes import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

USER_ID = 64123
PYTHON = "/usr/bin/python3"


@pytest.fixture
def clone() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("this is the ordinary user")
    if not Path(PYTHON).exists() or shutil.which("setpriv") is None:
        pytest.skip("needs the distribution's python3 and setpriv")
    place = Path(tempfile.mkdtemp(prefix="pmu-", dir="/var/tmp"))
    subprocess.run(["git", "clone", "-q", str(ROOT), str(place / "src")], check=True)
    (place / "home").mkdir()
    subprocess.run(["chown", "-R", f"{USER_ID}:{USER_ID}", str(place)], check=True)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def as_user(place: Path, *command: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    environment = {
        "HOME": str(place / "home"),
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LANG": "C.UTF-8",
        **{key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_"))},
    }
    drop = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", "--inh-caps=-all"]
    return subprocess.run(
        [*drop, *command],
        env=environment,
        cwd=place / "src",
        text=True,
        capture_output=True,
        check=False,
        timeout=timeout_s,
    )


def test_integration_tests_pass_as_an_ordinary_user(clone: Path) -> None:
    made = as_user(clone, "make", "setup", f"PYTHON={PYTHON}", timeout_s=300)
    assert made.returncode == 0, f"{made.stdout}\n{made.stderr}"
    done = as_user(clone, ".venv/bin/python", "-m", "pytest", "-m", "integration", "--maxfail=3", timeout_s=600)
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
