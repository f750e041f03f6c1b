"""Pods for tests: a sandbox zygote of their own, in a home of their own, gone when the test is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.layout import Layout, layout_of
from orchestrator.runtimes.base import ContainerSpec, ContainerState, Dns, SandboxSpec
from orchestrator.runtimes.sandbox import ProcessSandbox, SandboxRuntime
from tests.support.cluster import cluster  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 20.0


def refused_by_this_machine() -> str:
    """Why no pods can be made here; "" when they can."""
    checked = subprocess.run(
        [sys.executable, "-m", "orchestrator", "check", "--quiet"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return checked.stdout + checked.stderr if checked.returncode else ""


@pytest.fixture(scope="session")
def machine() -> None:
    reason = refused_by_this_machine()
    if reason:
        pytest.skip(f"this machine allows no sandboxes: {reason.splitlines()[0]}")


@pytest.fixture(scope="module")
def layout(machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """A prepared home and run directory with a running sandbox zygote."""
    made = layout_of(tmp_path_factory.mktemp("home"))
    made.prepare()
    notify = made.run / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(notify))
        ready.settimeout(READY_TIMEOUT_S)
        zygote = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "sandbox-zygote"]
            + ["--socket", str(made.sandbox_zygote_socket), "--home", str(made.home)],
            cwd=ROOT,
            env={**os.environ, "NOTIFY_SOCKET": str(notify)},
        )
        try:
            assert ready.recv(100) == b"READY=1"
            yield made
        finally:
            zygote.kill()
            zygote.wait()
            shutil.rmtree(made.run)


@pytest.fixture
async def runtime(layout: Layout) -> AsyncIterator[SandboxRuntime]:
    made = SandboxRuntime(layout)
    yield made
    for sandbox in await made.sandboxes():
        await sandbox.stop()


MakePod = Callable[..., Awaitable[ProcessSandbox]]


@pytest.fixture
def make_pod(runtime: SandboxRuntime, layout: Layout) -> MakePod:
    """`await make_pod("10.244.0.5", **spec)`: a sandbox; its logs are in the directory `layout.pod(ip)`."""

    async def make(ip: str, **more: object) -> ProcessSandbox:
        name = str(more.pop("name", "pod"))
        shutil.rmtree(layout.pod(ip), ignore_errors=True)
        spec = SandboxSpec(
            uid=f"uid-{ip}",
            name=name,
            namespace="default",
            ip=ip,
            hostname=name,
            log_directory=str(layout.pod(ip)),
            dns=Dns(("10.96.0.10",), ("default.svc.cluster.local", "svc.cluster.local", "cluster.local"), ("ndots:5",)),
            **more,  # type: ignore[arg-type]
        )
        return await runtime.create_sandbox(spec)

    return make


RunShell = Callable[..., Awaitable[tuple[ContainerState, list[str]]]]


@pytest.fixture
def run_shell(layout: Layout) -> RunShell:
    """`state, lines = await run_shell(pod, "id -u", **container)`: run a script to its end; its output, unadorned."""

    async def run(pod: ProcessSandbox, script: str, **more: object) -> tuple[ContainerState, list[str]]:
        name = str(more.pop("name", "main"))
        attempt = int(str(more.pop("attempt", 0)))
        path = f"{name}/{attempt}.log"
        spec = ContainerSpec(name, ("/bin/sh", "-c", script), path, attempt=attempt, **more)  # type: ignore[arg-type]
        await pod.start_container(spec)
        state = await pod.wait(name, attempt)
        lines = (layout.pod(pod.ip) / path).read_text().splitlines()
        return state, [line.split(" ", 3)[3] for line in lines]

    return run
