"""sd_notify, received on a real socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mesh.notify import READY, notify


@pytest.mark.parametrize("abstract", [False, True])
def test_ready(abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"@pocketmesh-{tmp_path.name}-{id(tmp_path)}" if abstract else str(tmp_path / "n.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name[1:] if abstract else name)
        receiver.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        notify(READY)
        assert receiver.recv(100) == b"READY=1"


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify(READY)
