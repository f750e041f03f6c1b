"""`down`, `status`, `check`, `version`: what is running, and the end of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any

import click

from mesh.cli import kubeconfig as user_config
from mesh.cli.home import DOWN, STOP_TIMEOUT_S, RunningMesh, ask_supervisor, read_state
from mesh.cli.output import Failure, Progress, emit, output_option, table

EXIT_POLL_S = 0.05
EXIT_WAIT_S = 10.0
READY, DEGRADED = 0, 1


def describe_mesh(state: RunningMesh, answer: dict[str, Any]) -> dict[str, Any]:
    """The object of `mesh status -o json`."""
    return {
        "name": state.name,
        "home": str(state.home),
        "context": state.context,
        "kubeconfig": str(state.kubeconfig),
        "apiServer": state.api_server,
        "xds": state.xds,
        "ingress": {"http": state.ingress_http, "https": state.ingress_https},
        "processes": [{key: process[key] for key in ("name", "pid", "ready")} for process in answer["processes"]],
    }


@click.command(epilog="Example: mesh status -o json | jq .ingress.http")
@output_option("json", "yaml")
@click.pass_obj
def status(home: Path, output: str) -> None:
    """Show what is running, and where.

    Exit code 0 when everything is ready, 1 when something is not, 3 when the mesh is down.
    """
    state = read_state(home)
    answer = ask_supervisor(state, "status") if state else None
    if state is None or answer is None:
        if output != "table":
            emit({"name": "", "home": str(home), "processes": []}, output)
        raise Failure(f"no mesh is running from {home}\nstart one: mesh up", code=DOWN)
    found = describe_mesh(state, answer)
    if output == "table":
        click.echo(places(state))
        rows = [(p["name"], p["pid"], "yes" if p["ready"] else "no") for p in found["processes"]]
        click.echo("\n" + table(("PROCESS", "PID", "READY"), rows))
    else:
        emit(found, output)
    sys.exit(READY if all(process["ready"] for process in found["processes"]) else DEGRADED)


def places(state: RunningMesh) -> str:
    """Where things are, for people."""
    return "\n".join(
        f"{name:<12}{value}"
        for name, value in (
            ("mesh", f"{state.name} ({state.home})"),
            ("API server", state.api_server),
            ("kubectl", f"kubectl --context {state.context} get pods -A"),
            ("ingress", f"http://127.0.0.1:{state.ingress_http}  https://127.0.0.1:{state.ingress_https}"),
        )
    )


@click.command(epilog="Example: mesh down --purge")
@click.option("--purge", is_flag=True, help="Also delete all state: objects, logs, certificates, image bindings.")
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path), help="The file that `up` merged into.  [default: as kubectl]"
)
@click.pass_obj
def down(home: Path, purge: bool, kubeconfig: Path | None) -> None:
    """Stop all pods and processes, and leave nothing behind."""
    state = read_state(home)
    progress = Progress()
    if state is not None:
        progress.step("stopping pods and processes")
        if ask_supervisor(state, "stop", timeout_s=STOP_TIMEOUT_S) is not None:
            _wait_for_exit(state.supervisor_pid)
        else:
            _sweep(home)
        user_config.remove(user_config.user_kubeconfig(kubeconfig), state.context)
        progress.done(f"mesh {state.name} is down")
    else:
        click.echo(f"no mesh was running from {home}", err=True)
    if purge and home.exists():
        _refuse_foreign(home)
        shutil.rmtree(home)
        progress.done(f"deleted {home}")


def _sweep(home: Path) -> None:
    """The supervisor was killed: what it left behind is ended in its place."""
    swept = orchestrator("sweep", "--home", str(home), home=home, capture=True)
    if swept.returncode != 0:
        raise Failure(f"what a killed supervisor left behind could not be stopped\n{swept.stderr}")


def _refuse_foreign(home: Path) -> None:
    """`--purge` deletes a directory: only one that we made."""
    if not any((home / name).exists() for name in ("settings.json", "images.json", "state.json")):
        raise Failure(f"{home} does not look like a mesh's home; nothing was deleted")


def _wait_for_exit(pid: int) -> None:
    deadline = time.monotonic() + EXIT_WAIT_S
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            raise Failure(f"the supervisor (pid {pid}) does not end\nlook at its log; end it by hand: kill -9 {pid}")
        time.sleep(EXIT_POLL_S)


@click.command(epilog="Example: mesh check -o json")
@output_option("json", "yaml")
def check(output: str) -> None:
    """Try what the machine must allow; print the exact remedy for what it does not.

    Exit code 0 when a mesh can run here, 1 when not.
    """
    arguments = [] if output == "table" else ["-o", output]
    sys.exit(orchestrator("check", *arguments).returncode)


def orchestrator(*arguments: str, home: Path | None = None, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command of the orchestrator's own: it is another program, reached only like this."""
    environment = {**os.environ, **({"POCKETMESH_HOME": str(home)} if home else {})}
    command = [sys.executable, "-m", "orchestrator", *arguments]
    return subprocess.run(command, env=environment, text=True, capture_output=capture, check=False)


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"pocketmesh {distribution_version('pocketmesh')}")
