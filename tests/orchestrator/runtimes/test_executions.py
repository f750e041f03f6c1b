"""Goal: commands are bounded in number, output and time. Method: real processes, driven as the shim does."""

from __future__ import annotations

import base64
import os
import selectors
import subprocess
import time
from typing import Any

import pytest

from orchestrator.runtimes.base import RuntimeFailure
from orchestrator.runtimes.container import Pipes
from orchestrator.runtimes.executions import EXECUTIONS_MAX, OUTPUT_BYTES_MAX, Executions


class Driver:
    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.executions = Executions(self.selector)
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.replies: list[dict[str, Any]] = []

    def start(self, *argv: str, timeout_s: float = 10.0) -> int:
        def launch(pipes: Pipes) -> int:
            process = subprocess.Popen(argv, stdout=pipes.stdout, stderr=pipes.stderr, start_new_session=True)
            self.processes[process.pid] = process
            return process.pid

        before = set(self.processes)
        self.executions.start(launch, self.replies.append, timeout_s=timeout_s)
        return next(iter(set(self.processes) - before))

    def finish(self, pid: int) -> dict[str, Any]:
        while self.processes[pid].poll() is None:
            for key, _ in self.selector.select(0.01):
                key.data()
            self.executions.expire(time.monotonic())
        code = self.processes[pid].returncode
        assert self.executions.ended(pid, code if code >= 0 else 128 - code)
        return self.replies[-1]


def test_output_is_both_streams_and_cut() -> None:
    driver = Driver()
    reply = driver.finish(driver.start("sh", "-c", "echo out; echo err >&2; exit 4"))
    assert (reply["exit_code"], base64.b64decode(reply["output"]), reply["timed_out"]) == (4, b"out\nerr\n", False)
    reply = driver.finish(driver.start("head", "-c", "100000", "/dev/zero"))
    assert len(base64.b64decode(reply["output"])) == OUTPUT_BYTES_MAX
    assert not driver.executions


def test_time_runs_out_for_the_whole_session() -> None:
    driver = Driver()
    began = time.monotonic()
    reply = driver.finish(driver.start("sh", "-c", "sleep 60 & sleep 60", timeout_s=0.05))
    assert reply["timed_out"] and reply["exit_code"] == 137
    assert time.monotonic() - began < 5


def test_too_many_and_strangers() -> None:
    driver = Driver()
    pids = [driver.start("sleep", "60") for _ in range(EXECUTIONS_MAX)]
    with pytest.raises(RuntimeFailure, match="at most"):
        driver.start("sleep", "60")
    assert not driver.executions.ended(1, 0)
    for pid in pids:
        os.kill(pid, 9)
        driver.finish(pid)
