"""Goal: pods are made quickly and side by side, and a pod that cannot be made says why and leaves nothing."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from orchestrator.layout import Layout
from orchestrator.runtimes.base import RuntimeFailure, SandboxSpec
from orchestrator.runtimes.sandbox import SandboxRuntime
from orchestrator.runtimes.sandbox_zygote import masked_paths
from orchestrator.runtimes.shim_client import ask


def spec(ip: str, layout: Layout, **more: object) -> SandboxSpec:
    return SandboxSpec(f"uid-{ip}", "p", "default", ip, "p", str(layout.pod(ip)), **more)  # type: ignore[arg-type]


async def test_pods_are_made_side_by_side(runtime: SandboxRuntime, layout: Layout) -> None:
    began = time.monotonic()
    pods = await asyncio.gather(*(runtime.create_sandbox(spec(f"10.244.1.{n}", layout)) for n in range(2, 12)))
    assert time.monotonic() - began < 5.0
    assert len({pod.identity.pid for pod in pods}) == 10
    if os.getuid() == 0:
        assert len({pod.host_id(0) for pod in pods}) == 10
        assert 0 not in {pod.host_id(0) for pod in pods}


async def test_a_pod_that_cannot_be_made(runtime: SandboxRuntime, layout: Layout, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    impossible = SandboxSpec("u", "p", "default", "10.244.1.99", "p", str(blocked / "logs"))
    with pytest.raises(RuntimeFailure) as refused:
        await runtime.create_sandbox(impossible)
    assert refused.value.reason == "FailedCreatePodSandBox"
    with pytest.raises(RuntimeFailure):
        await ask(str(layout.sandbox_zygote_socket), {"verb": "create"})


async def test_a_shim_costs_little(runtime: SandboxRuntime, layout: Layout) -> None:
    if os.getuid() != 0:
        pytest.skip("an undumpable process shows its memory to root only")
    pod = await runtime.create_sandbox(spec("10.244.1.50", layout))
    text = Path(f"/proc/{pod.identity.pid}/smaps_rollup").read_text()
    private = sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))
    assert private < 8 * 1024


def test_what_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/people/me")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    found = masked_paths(tmp_path / "home", tmp_path / "run")
    assert {"/home", "/root", "/srv/people/me"} <= set(found)
    assert {str(tmp_path / name) for name in ("home", "run", "tmp")} <= set(found)
    monkeypatch.setenv("HOME", "/")
    assert "/" not in masked_paths(tmp_path, tmp_path)
