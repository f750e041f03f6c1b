"""The state file and the supervisor's socket, as a command reads them."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from mesh.cli.home import DOWN, ask_supervisor, read_state, running
from mesh.cli.output import Failure


def write_state(home: Path) -> None:
    state = {
        "name": "pocketmesh",
        "home": str(home),
        "context": "pocketmesh",
        "kubeconfig": str(home / "kubeconfig"),
        "apiServer": "https://127.0.0.1:1",
        "xds": "127.0.0.1:2",
        "ingress": {"http": 8080, "https": 8443},
        "supervisor": {"pid": 4, "start_time": 5},
        "supervisorSocket": str(home / "s.sock"),
    }
    (home / "state.json").write_text(json.dumps(state))


def test_no_mesh(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    with pytest.raises(Failure, match="mesh up") as failure:
        running(tmp_path)
    assert failure.value.exit_code == DOWN


def test_question_and_answer(tmp_path: Path) -> None:
    write_state(tmp_path)
    state = running(tmp_path)
    assert (state.ingress_http, state.supervisor_pid) == (8080, 4)
    assert ask_supervisor(state, "status") is None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.sock"))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                question = json.loads(connection.makefile().readline())
                connection.sendall(json.dumps({"asked": question["verb"]}).encode() + b"\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert ask_supervisor(state, "status") == {"asked": "status"}
        thread.join()
    assert ask_supervisor(state, "status") is None
