"""A real mesh in a home of its own, the commands a person would type in it, and kubectl where the machine has it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 60.0
POLL_S = 0.05


@dataclass
class Mesh:
    """A home, and the commands a person would type in it."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "mesh", *arguments],
            env=self.environment, text=True, capture_output=True, input=stdin, check=False, cwd=ROOT, timeout=180,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise AssertionError(f"mesh {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-o", "json").stdout)

    def apply(self, manifest: str) -> None:
        self.run("apply", "-f", "-", stdin=manifest)

    def kubectl(
        self, *arguments: str, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        binary = kubectl_binary()
        if binary is None:
            pytest.skip("no kubectl on this machine")
        done = subprocess.run(
            [binary, "--kubeconfig", str(self.home / "kubeconfig"), *arguments],
            env=self.environment, text=True, capture_output=True, input=stdin, check=False, timeout=120,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    @property
    def ingress_port(self) -> int:
        return int(self.json("status")["ingress"]["http"])

    def request(
        self, path: str, *, headers: dict[str, str] | None = None, port: int = 0
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.ingress_port, timeout=15)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def process(self, name: str) -> int:
        """The pid of one of the supervisor's processes."""
        return next(int(p["pid"]) for p in self.json("status")["processes"] if p["name"] == name)


def kubectl_binary() -> str | None:
    """A kubectl that is one: some distributions put a dispatcher before several versions of it."""
    found = shutil.which("kubectl")
    if found is None:
        return None
    versions = sorted(Path(found).resolve().parent.glob("kubectl.1.*"))
    return str(versions[-1]) if versions else found


def wait_for(condition: Callable[[], Any], what: str, *, timeout_s: float = WAIT_S) -> Any:
    """Poll until `condition` is true, and return its value; failures of a mesh not there yet are waited out."""
    deadline = time.monotonic() + timeout_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            value = condition()
        except (AssertionError, OSError, http.client.HTTPException, json.JSONDecodeError) as failure:
            last = failure
        else:
            if value:
                return value
            last = value
        time.sleep(POLL_S)
    raise AssertionError(f"{what} did not happen in {timeout_s:.0f} s; last: {last}")


def new_mesh() -> Mesh:
    """A mesh in a fresh short directory: paths of UNIX sockets are bounded."""
    home = Path(tempfile.mkdtemp(prefix="pmt-"))
    environment = {
        **{key: value for key, value in os.environ.items() if key not in {"KUBECONFIG", "XDG_RUNTIME_DIR"}},
        "POCKETMESH_HOME": str(home / "home"),
        "KUBECONFIG": str(home / "kubeconfig-user"),
    }
    return Mesh(home / "home", environment)
