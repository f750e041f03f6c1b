"""Goal: what dies comes back within a second, a stop leaves nothing, and a killed supervisor's successor cleans up.

Method: the real supervisor with two small processes that leave orphans behind.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator.layout import Layout, layout_of
from orchestrator.process_identity import start_time
from orchestrator.supervisor import lock, main, processes
from orchestrator.supervisor_settings import PORTS, Settings, SettingsError

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 15.0


def ask(layout: Layout, verb: str) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE_S)
        connection.connect(str(layout.supervisor_socket))
        connection.sendall(json.dumps({"verb": verb}).encode() + b"\n")
        found: dict[str, Any] = json.loads(connection.makefile().readline())
        return found


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            found = condition()
        except (OSError, ValueError):
            found = None
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("nothing came of it in time")


def all_ready(layout: Layout) -> dict[str, int] | None:
    found = ask(layout, "status")["processes"]
    return {p["name"]: p["pid"] for p in found} if all(p["ready"] for p in found) else None


class Running:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        program = [sys.executable, str(Path(__file__).with_name("supervised.py")), str(self.layout.home)]
        self.process = subprocess.Popen(program, env={**os.environ, "PYTHONPATH": str(ROOT)})
        return self.process


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(layout_of(tmp_path))
    yield made
    if made.process.poll() is None:
        made.process.terminate()
        made.process.wait(DEADLINE_S)
    assert not made.layout.run.exists()


def test_a_process_that_dies_is_back_within_a_second(running: Running) -> None:
    before = until(partial(all_ready, running.layout))
    killed = time.monotonic()
    os.kill(before["first"], signal.SIGKILL)
    after = until(lambda: (now := all_ready(running.layout)) and now["first"] != before["first"] and now)
    assert time.monotonic() - killed < 1.0
    assert after["second"] == before["second"]
    assert ask(running.layout, "nonsense")["error"]


def test_stop_ends_orphans_and_removes_the_run_directory(running: Running) -> None:
    layout = running.layout
    pids = until(partial(all_ready, layout))
    orphan = int(until((layout.home / "orphan").read_text))
    state = json.loads(layout.state.read_text())
    assert state["supervisor"]["pid"] == running.process.pid
    assert state["context"] == "pocketmesh-test"
    assert ask(layout, "stop") == {"stopped": True}
    assert running.process.wait(DEADLINE_S) == 0
    assert [pid for pid in (*pids.values(), orphan) if start_time(pid)] == []
    assert not layout.run.exists() and not layout.state.exists()


def test_a_successor_ends_what_a_killed_one_left(running: Running) -> None:
    before = until(partial(all_ready, running.layout))
    running.process.kill()
    running.process.wait()
    assert start_time(before["first"])
    running.start()
    after = until(partial(all_ready, running.layout))
    assert not set(before.values()) & set(after.values())
    until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and _runs(pid) for pid in before.values()))


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"


def test_one_supervisor_a_home(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    held = lock(layout)
    with pytest.raises(SettingsError, match="already running"):
        lock(layout)
    os.close(held)


def test_a_taken_port_stops_the_start(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = [word for setting in PORTS for word in (setting.flag, "0")]
        assert main(["--home", str(tmp_path), *flags, "--ingress-https-port", port]) == 2
    assert "mesh up --ingress-https-port PORT" in capfd.readouterr().err
    layout = layout_of(tmp_path)
    layout.sandboxes.rmdir()
    layout.run.rmdir()


def test_the_processes_of_a_mesh(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    specs = processes(layout, Settings("a", {port.key: 7000 + i for i, port in enumerate(PORTS)}))
    assert [spec.name for spec in specs] == [
        "sandbox-zygote", "sidecar-zygote", "orchestrator", "control-plane", "node-proxy",
    ]  # fmt: skip
    words = {spec.name: " ".join(spec.argv) for spec in specs}
    assert "--api-port 7000" in words["orchestrator"]
    assert "--xds-port 7001 --ingress-http-port 7002 --ingress-https-port 7003" in words["control-plane"]
