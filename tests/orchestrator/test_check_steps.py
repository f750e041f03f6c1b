"""Goal: the steps are really done, and a refusal shows as one."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from orchestrator import check_steps
from orchestrator.layout import layout_of
from orchestrator.runtimes import wire


def test_every_step_of_a_pods_start(machine: None) -> None:
    found = check_steps.try_all()
    assert [failure for _, failure in found if failure] == []
    names = [name for name, _ in found]
    assert names[:2] == ["user namespace", "id map"]
    assert {"redirect to the hook", "overlay", "proc", "pivot_root", "nested user namespace"} <= set(names)
    assert not Path("/etc/pocketmesh-check").exists()


def test_a_refusal_is_reported_with_its_number() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def refused() -> None:
        raise PermissionError(1, "Operation not permitted")

    with ours, theirs:
        assert not check_steps._try(theirs, "mounts", refused)
        received = wire.receive(ours)
    assert received is not None
    assert (received[0]["step"], received[0]["number"]) == ("mounts", 1)


def test_sockets(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, {"XDG_RUNTIME_DIR": "/no", "TMPDIR": "/tmp"})
    check_steps.try_sockets(layout)
    assert list(layout.run.iterdir()) == []
    layout.run.rmdir()


def test_a_child_that_dies_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(report: socket.socket) -> None:
        raise ValueError("surprise")

    monkeypatch.setattr(check_steps, "_inside", broken)
    ((name, failure),) = check_steps.try_all()
    assert name == "pod" and "surprise" in str(failure)
