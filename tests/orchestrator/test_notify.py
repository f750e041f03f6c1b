"""Goal: readiness reaches the socket that asked for it, and nobody else is bothered."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from orchestrator.notify import notify_ready


def test_both_kinds_of_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bind, name in ((str(tmp_path / "n"), str(tmp_path / "n")), ("\0pm-test-notify", "@pm-test-notify")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(bind)
            listener.settimeout(5)
            monkeypatch.setenv("NOTIFY_SOCKET", name)
            notify_ready()
            assert listener.recv(100) == b"READY=1"


def test_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_ready()
