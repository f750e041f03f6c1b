"""`mesh up`: check the machine, start the supervisor detached, and return when everything answers.

It never half-works: what the machine does not allow is said before anything starts, and a start that fails is
stopped again, with the end of the log of the process that did not come up.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from mesh.cli import kubeconfig as user_config
from mesh.cli.home import RunningMesh, ask_supervisor, read_state
from mesh.cli.lifecycle import describe_mesh, orchestrator, places
from mesh.cli.output import Failure, Progress, emit, output_option

READY_WAIT_S = 60.0
POLL_S = 0.03
LOG_TAIL_LINES = 12
STARTS_MAX = 4
"""A process that was started this often and is not ready will not become so: its log says why."""
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Settings:
    """None = what the home's settings say, else the default."""

    name: str | None
    api_port: int | None
    xds_port: int | None
    ingress_http_port: int | None
    ingress_https_port: int | None

    def arguments(self) -> list[str]:
        pairs = (
            ("--name", self.name),
            ("--api-port", self.api_port),
            ("--xds-port", self.xds_port),
            ("--ingress-http-port", self.ingress_http_port),
            ("--ingress-https-port", self.ingress_https_port),
        )
        return [word for flag, value in pairs if value is not None for word in (flag, str(value))]


def port_option(flag: str, default: str, text: str) -> Callable[[F], F]:
    return click.option(flag, type=click.IntRange(0, 65535), help=f"{text}  [default: {default}]")


@click.command(epilog="Example: mesh up --name staging --ingress-http-port 0")
@click.option("--name", help="The mesh's name; kubectl's context is pocketmesh, else pocketmesh-NAME.")
@port_option("--api-port", "0", "Port of the Kubernetes API; 0 = any free one, kept across restarts.")
@port_option("--xds-port", "0", "Port of the control plane; 0 = any free one, kept across restarts.")
@port_option("--ingress-http-port", "8080", "Host port of the ingress gateway for HTTP.")
@port_option("--ingress-https-port", "8443", "Host port of the ingress gateway for HTTPS.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="File to merge into.  [default: as kubectl]")
@output_option("json", "yaml")
@click.pass_obj
def up(
    home: Path,
    name: str | None,
    api_port: int | None,
    xds_port: int | None,
    ingress_http_port: int | None,
    ingress_https_port: int | None,
    kubeconfig: Path | None,
    output: str,
) -> None:
    """Start the mesh in the background; return when it is ready."""
    if name is not None and not NAME.fullmatch(name):
        raise Failure(f'"{name}" cannot be the name of a mesh\nuse lower-case letters, digits and dashes, at most 40')
    settings = Settings(name, api_port, xds_port, ingress_http_port, ingress_https_port)
    progress = Progress(quiet=output != "table")
    started = time.monotonic()
    state = _already_running(home, settings)
    if state is None:
        state = _start(home, settings, progress)
    user_config.merge(user_config.user_kubeconfig(kubeconfig), state.kubeconfig, state.context)
    progress.done(f"mesh {state.name} is ready ({time.monotonic() - started:.1f} s)")
    answer = ask_supervisor(state, "status")
    if output == "table":
        click.echo(places(state))
    elif answer is not None:
        emit(describe_mesh(state, answer), output)


def _already_running(home: Path, settings: Settings) -> RunningMesh | None:
    state = read_state(home)
    if state is None or ask_supervisor(state, "status") is None:
        return None
    if settings.name is not None and settings.name != state.name:
        raise Failure(
            f"the mesh {state.name} is running from {home}\n"
            f"stop it (mesh down), or give {settings.name} a home of its own: POCKETMESH_HOME=... mesh up --name ..."
        )
    return state


def _start(home: Path, settings: Settings, progress: Progress) -> RunningMesh:
    progress.step("checking the machine")
    checked = orchestrator("check", "--quiet", home=home, capture=True)
    if checked.returncode != 0:
        raise Failure(f"this machine does not allow what a mesh needs\n{checked.stdout}{checked.stderr}")
    log = home / "logs" / "supervisor.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    progress.step("starting")
    with log.open("ab") as sink:
        begin = sink.tell()
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "supervise", "--home", str(home), *settings.arguments()],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "POCKETMESH_HOME": str(home)},
        )
    state: RunningMesh | None = None
    try:
        state = _wait_until_ready(home, supervisor, log, begin, progress)
        asyncio.run(_wait_for_gateway(state, progress))
    except BaseException:
        _give_up(state, supervisor)
        raise
    return state


def _give_up(state: RunningMesh | None, supervisor: subprocess.Popen[bytes]) -> None:
    """A start that failed leaves nothing running."""
    if state is not None:
        ask_supervisor(state, "stop", timeout_s=READY_WAIT_S)
    elif supervisor.poll() is None:
        supervisor.terminate()
        supervisor.wait(READY_WAIT_S)


def _wait_until_ready(
    home: Path, supervisor: subprocess.Popen[bytes], log: Path, begin: int, progress: Progress
) -> RunningMesh:
    deadline = time.monotonic() + READY_WAIT_S
    waiting = "the supervisor"
    started: dict[str, set[int]] = {}
    while time.monotonic() < deadline:
        if supervisor.poll() is not None:
            raise Failure(f"the mesh did not start\n{_tail(log, begin)}")
        state = read_state(home)
        answer = ask_supervisor(state, "status") if state and state.supervisor_pid == supervisor.pid else None
        if state is not None and answer is not None:
            late = [process for process in answer["processes"] if not process["ready"]]
            if not late:
                return state
            waiting = ", ".join(process["name"] for process in late)
            progress.step(f"waiting for {waiting}")
            _refuse_crash_loops(home, late, started)
        time.sleep(POLL_S)
    name = waiting.split(", ", maxsplit=1)[0]
    raise Failure(f"{waiting} did not become ready in {READY_WAIT_S:.0f} s\n{_tail(home / 'logs' / f'{name}.log', 0)}")


def _refuse_crash_loops(home: Path, late: list[dict[str, Any]], started: dict[str, set[int]]) -> None:
    for process in late:
        name = process["name"]
        pids = started.setdefault(name, set())
        pids.add(process["pid"])
        if len(pids - {0}) >= STARTS_MAX:
            raise Failure(f"{name} ends as soon as it starts\n{_tail(home / 'logs' / f'{name}.log', 0)}")


def _tail(log: Path, begin: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(begin)
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return f"no log at {log}"
    return "\n".join(lines[-LOG_TAIL_LINES:]) or f"nothing in {log}"


async def _wait_for_gateway(state: RunningMesh, progress: Progress) -> None:
    """Ready means that the front door is open, not only that the processes run."""
    from mesh.kube.errors import ApiError
    from mesh.kube.http import HttpClient
    from mesh.kube.kinds import DEPLOYMENT

    progress.step("waiting for the ingress gateway")
    client = HttpClient.from_kubeconfig(state.kubeconfig)
    try:
        async with asyncio.timeout(READY_WAIT_S):
            while True:
                try:
                    gateway = await client.get(DEPLOYMENT, "istio-ingressgateway", "istio-system")
                    if (gateway.get("status") or {}).get("availableReplicas"):
                        return
                except ApiError as missing:
                    if not missing.not_found:
                        raise
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise Failure(
            "the ingress gateway did not become ready\nlook: mesh describe pod -n istio-system -l istio=ingressgateway"
        ) from None
    finally:
        await client.close()
