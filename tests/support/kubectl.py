"""The real kubectl as a function; skipped where the binary is absent."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

VERSIONS = ("1.29", "1.30", "1.31", "1.32", "1.33")
TIMEOUT_S = 20.0


def binary(version: str) -> str | None:
    """`kubectl.1.NN` beside the kubectl of the path, which only dispatches; else a plain kubectl."""
    found = shutil.which("kubectl")
    if found is None:
        return None
    beside = Path(found).resolve().parent / f"kubectl.{version}"
    if beside.exists():
        return str(beside)
    return found if version == "1.32" else None


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


Kubectl = Callable[..., Awaitable[Result]]


def command(program: str, home: Path) -> Kubectl:
    """`await kubectl(*arguments, stdin="")` with the kubeconfig in `home`."""

    async def run(*arguments: str, stdin: str = "") -> Result:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "KUBECONFIG": str(home / "kubeconfig"), "HOME": str(home)},
        )
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), TIMEOUT_S)
        return Result(process.returncode or 0, out.decode(), err.decode())

    return run


def require(version: str) -> str:
    program = binary(version)
    if program is None:
        pytest.skip(f"kubectl {version} is not installed")
    return program
