"""Goal: the command binds, lists and forgets, and says no in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.images_command import main


def test_add_list_remove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(tmp_path)]
    (tmp_path / "app").mkdir()
    add = ["add", "shop/cart", "--dir", str(tmp_path / "app"), "--env", "A=b=c", "--workdir", "w", "--"]
    assert main([*home, *add, "python3", "-m", "x", "--dir", "y"]) == 0
    capsys.readouterr()
    assert main([*home, "ls", "-o", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {
        "ref": "docker.io/shop/cart",
        "dir": str(tmp_path / "app"),
        "command": ["python3", "-m", "x", "--dir", "y"],
        "workdir": str(tmp_path / "app/w"),
        "env": {"A": "b=c"},
    }
    assert main([*home, "ls"]) == 0
    assert "python3 -m x --dir y" in capsys.readouterr().out
    assert main([*home, "rm", "docker.io/shop/cart"]) == 0
    assert main([*home, "rm", "shop/cart"]) == 1
    assert "not bound" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["add", "a", "--dir", "/", "--env", "novalue", "--", "x"], "K=V"),
        (["add", "a", "--dir", "/no/such", "--", "x"], "not a directory"),
        (["add", "a", "--dir", "/"], "needs a command"),
        (["add", "A!", "--dir", "/", "--", "x"], "invalid image name"),
    ],
)
def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    assert main(["--home", str(tmp_path), *arguments]) == 1
    assert text in capsys.readouterr().err
