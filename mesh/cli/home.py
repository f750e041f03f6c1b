"""A running mesh as the command line sees it: the state file in its home, and the supervisor's socket.

The orchestrator writes both; this module only reads, so the command line imports nothing of it.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesh.cli.output import Failure

DOWN = 3
ANSWER_BYTES_MAX = 1 << 20
STATUS_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class RunningMesh:
    """`state.json` of a home, written when the supervisor has chosen its ports."""

    name: str
    home: Path
    context: str
    kubeconfig: Path
    api_server: str
    xds: str
    ingress_http: int
    ingress_https: int
    supervisor_pid: int
    supervisor_socket: Path


def read_state(home: Path) -> RunningMesh | None:
    """None when no mesh was started from this home, or it was stopped."""
    try:
        state = json.loads((home / "state.json").read_text())
    except FileNotFoundError:
        return None
    return RunningMesh(
        name=state["name"],
        home=Path(state["home"]),
        context=state["context"],
        kubeconfig=Path(state["kubeconfig"]),
        api_server=state["apiServer"],
        xds=state["xds"],
        ingress_http=state["ingress"]["http"],
        ingress_https=state["ingress"]["https"],
        supervisor_pid=state["supervisor"]["pid"],
        supervisor_socket=Path(state["supervisorSocket"]),
    )


def ask_supervisor(state: RunningMesh, verb: str, *, timeout_s: float = STATUS_TIMEOUT_S) -> dict[str, Any] | None:
    """One question, one JSON line back; None when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(state.supervisor_socket))
            connection.sendall(json.dumps({"verb": verb}).encode() + b"\n")
            answer = bytearray()
            while not answer.endswith(b"\n") and len(answer) < ANSWER_BYTES_MAX:
                piece = connection.recv(65536)
                if not piece:
                    break
                answer += piece
        except (ConnectionRefusedError, FileNotFoundError, ConnectionResetError):
            return None
    result: dict[str, Any] | None = json.loads(answer) if answer else None
    return result


def running(home: Path) -> RunningMesh:
    """The mesh of this home; a `Failure` with exit code 3 that says how to start it otherwise."""
    state = read_state(home)
    if state is None:
        raise Failure(f"no mesh is running from {home}\nstart one: mesh up", code=DOWN)
    return state
