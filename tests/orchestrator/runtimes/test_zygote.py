"""Goal: proxies are started by the sidecar zygote, watched by pidfd, and their ends are known to a later kubelet.

Method: the real zygote; what it forks is the sidecar, told to print its help.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.process_identity import start_time
from orchestrator.runtimes.base import EXIT_CODE_UNKNOWN, RuntimeFailure
from orchestrator.runtimes.zygote import ProxyRuntime, ProxySpec

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def directory() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="pm-z-", dir="/tmp") as made:
        yield Path(made)


@pytest.fixture
def zygote(directory: Path, machine: None) -> Iterator[ProxyRuntime]:
    path = directory / "z.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar", "zygote", "--socket", str(path), "--visible", str(directory)], cwd=ROOT
    )
    try:
        while not path.exists():
            assert process.poll() is None
            os.sched_yield()
        yield ProxyRuntime(path)
    finally:
        process.terminate()
        process.wait()


async def test_start_wait_and_adopt(zygote: ProxyRuntime, directory: Path) -> None:
    log = os.open(directory / "log", os.O_CREAT | os.O_WRONLY, 0o600)
    spec = ProxySpec("sidecar.process", ("--help",), {"PATH": "/usr/bin"}, directory / "exit.json")
    proxy = await zygote.start(spec, stdout=log, stderr=log)
    os.close(log)
    ended = await proxy.wait()
    assert ended.exit_code == 0 or ended.exit_code > 0  # whatever it thinks of its words, the end is known
    assert ended.finished_at > 0
    later = ProxyRuntime.adopt(proxy.identity.pid, proxy.identity.start_time, spec.exit_file)
    assert await later.wait() == ended


async def test_a_module_that_may_not_run(zygote: ProxyRuntime, directory: Path) -> None:
    spec = ProxySpec("os", (), {}, directory / "exit.json")
    with pytest.raises(RuntimeFailure, match="sidecar zygote"):
        await zygote.start(spec, stdout=2, stderr=2)


async def test_an_end_that_nobody_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.runtimes.zygote.EXIT_FILE_WAIT_S", 0.05)
    child = subprocess.Popen(["true"])
    began = start_time(child.pid)
    child.wait()
    ended = await ProxyRuntime.adopt(child.pid, began, tmp_path / "none").wait()
    assert ended.exit_code == EXIT_CODE_UNKNOWN
