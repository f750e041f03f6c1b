"""Goal: a process is ready when it says so, and comes back with a growing but short delay."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from orchestrator.supervisor_child import BACKOFF_MAX_S, Child, ChildSpec, due

READY = (
    "import os, socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);"
    "s.sendto(b'STATUS=x\\nREADY=1', os.environ['NOTIFY_SOCKET']); print('out'); sys.stderr.write('err')"
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path


def child(run: Path, name: str, code: str = READY, *, after: str = "") -> Child:
    return Child(ChildSpec(name, (sys.executable, "-c", code), after), run, run / f"{name}.log", dict(os.environ))


def test_readiness_and_log(run: Path) -> None:
    made = child(run, "a")
    made.start()
    assert made.pid and not made.ready
    assert select.select([made.notify], [], [], 10)[0]
    made.notified()
    assert made.ready
    os.waitpid(made.pid, 0)
    made.ended()
    assert not made.ready and made.pid == 0
    assert sorted((run / "a.log").read_text().split()) == ["err", "out"] or "outerr" in (run / "a.log").read_text()
    made.notify.close()


def test_delays_grow_up_to_a_second(run: Path) -> None:
    made = child(run, "a")
    made.started_s = 1e18  # it always ended at once
    delays = []
    for _ in range(8):
        delays.append(made.backoff_s)
        made.ended()
    assert delays == sorted(delays) and delays[-1] == BACKOFF_MAX_S
    made.started_s = 1.0  # this life was a long one
    made.ended()
    assert made.backoff_s < BACKOFF_MAX_S
    made.notify.close()


def test_what_is_due(run: Path) -> None:
    first, second = child(run, "first"), child(run, "second", after="first")
    children = [first, second]
    assert due(children, 10.0) == ([first], None)
    first.ready = True
    assert due(children, 10.0)[0] == [first, second]
    first.next_start_s = 10.5
    start, wait = due(children, 10.0)
    assert start == [second] and wait == pytest.approx(0.5)
    second.started_s, first.ready = 5.0, False  # a restart does not wait for the other again
    assert due(children, 10.0)[0] == [second]
    for made in children:
        made.notify.close()


def test_a_large_log_is_put_aside(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.supervisor_child.LOG_BYTES_MAX", 10)
    (run / "a.log").write_text("x" * 11)
    made = child(run, "a", "")
    made.start()
    os.waitpid(made.pid, 0)
    assert (run / "a.log.1").read_text() == "x" * 11
    made.notify.close()
