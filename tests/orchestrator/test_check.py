"""Goal: one verdict, its reasons, and an exit code that scripts can use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator import check, check_steps
from orchestrator.check import Finding, describe, main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETMESH_HOME", str(tmp_path))


def test_a_machine_that_allows_everything(machine: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ready"] is True
    assert all(finding["ok"] or not finding["required"] for finding in found["checks"])
    assert main(["--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_a_machine_that_does_not(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    refused = [("user namespace", check_steps.StepFailure("unshare: Operation not permitted", 1))]
    monkeypatch.setattr(check.check_steps, "try_all", lambda: refused)
    assert main(["--quiet"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("FAIL user namespace (unshare: Operation not permitted)\n       ")
    assert main([]) == 1
    assert "a mesh cannot run here" in capsys.readouterr().out


def test_a_note_does_not_stop_a_mesh() -> None:
    assert describe(Finding("limits", False, False, "not allowed", "do this\nor that")) == (
        "note limits (not allowed)\n       do this\n       or that\n"
    )
