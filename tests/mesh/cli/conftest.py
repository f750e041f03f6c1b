"""Commands run as a person runs them: a process of their own, against a real API server in this one."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.api.server import ApiServer

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    home: Path

    async def __call__(self, *arguments: str, stdin: str = "") -> Result:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mesh", "--home", str(self.home), *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd=ROOT, env={**os.environ, "HOME": str(self.home), "KUBECONFIG": str(self.home / "user")},
        )  # fmt: skip
        out, err = await process.communicate(stdin.encode())
        return Result(process.returncode or 0, out.decode(), err.decode())


def write_state(home: Path, *, api: str = "https://127.0.0.1:1", xds: str = "127.0.0.1:2") -> None:
    """A state file as the supervisor leaves it."""
    state = {
        "name": "pocketmesh",
        "home": str(home),
        "context": "pocketmesh",
        "kubeconfig": str(home / "kubeconfig"),
        "apiServer": api,
        "xds": xds,
        "ingress": {"http": 8080, "https": 8443},
        "supervisor": {"pid": 4194304, "start_time": 5},
        "supervisorSocket": str(home / "s.sock"),
    }
    (home / "state.json").write_text(json.dumps(state))


@pytest.fixture
def cli(api: ApiServer, tmp_path: Path) -> Cli:
    """`mesh` in a home whose API server is the one of the fixture `api`."""
    write_state(tmp_path, api=f"https://127.0.0.1:{api.port}")
    return Cli(tmp_path)
