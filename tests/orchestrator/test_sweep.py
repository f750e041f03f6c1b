"""Goal: what a killed supervisor left behind ends without it, wherever its run directory was."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from orchestrator.layout import Layout
from orchestrator.process_identity import ProcessIdentity, start_time
from orchestrator.supervisor import EXIT_USAGE, lock
from orchestrator.sweep import layout_of_the_dead, main

ROOT = Path(__file__).resolve().parents[2]


def left_behind(layout: Layout, record: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    identity = asdict(ProcessIdentity(process.pid, start_time(process.pid)))
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps([identity] if record.name == "processes.json" else identity))
    layout.state.write_text(json.dumps({"run": str(layout.run)}))
    return process


def made(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "home", tmp_path / "elsewhere")
    layout.prepare()
    return layout


def test_processes_and_proxies_end_and_nothing_is_left(tmp_path: Path) -> None:
    layout = made(tmp_path)
    zygote = left_behind(layout, layout.run / "processes.json")
    proxy = left_behind(layout, layout.run / "proxies/uid/istio-proxy.json")
    assert layout_of_the_dead(layout.home).run == layout.run
    # A process of its own: it reaps, and ends, whatever descends from it.
    subprocess.run([sys.executable, "-m", "orchestrator", "sweep", "--home", str(layout.home)], check=True, cwd=ROOT)
    assert zygote.wait(5) < 0
    assert proxy.wait(5) < 0
    assert not layout.run.exists() and not layout.state.exists()


def test_a_living_supervisor_is_left_alone(tmp_path: Path) -> None:
    layout = made(tmp_path)
    lock(layout)
    assert main(["--home", str(layout.home)]) == EXIT_USAGE
    assert layout.run.exists()


def test_a_state_that_cannot_be_read(tmp_path: Path) -> None:
    layout = made(tmp_path)
    layout.state.write_text("{")
    assert layout_of_the_dead(layout.home).home == layout.home
