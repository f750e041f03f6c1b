"""Goal: a pid is believed only together with its start time."""

from __future__ import annotations

import os
import signal
import subprocess

from orchestrator.process_identity import ProcessIdentity, start_time


def test_this_process_is_alive() -> None:
    me = ProcessIdentity(os.getpid(), start_time(os.getpid()))
    assert me.start_time > 0 and me.alive()
    descriptor = me.open()
    assert descriptor is not None
    os.close(descriptor)


def test_another_process_of_the_same_pid_is_left_alone() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        stranger = ProcessIdentity(child.pid, start_time(child.pid) + 1)
        assert not stranger.alive() and stranger.open() is None and not stranger.kill()
        assert child.poll() is None
        known = ProcessIdentity(child.pid, start_time(child.pid))
        assert known.kill(signal.SIGTERM)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not known.alive()  # a zombie does not run
    finally:
        child.kill()
        child.wait()
    assert start_time(child.pid) == 0 and not known.kill()
