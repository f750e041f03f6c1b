"""Goal: two meshes never meet, sockets fit, and nobody else's directory is used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.layout import (
    LONGEST_SOCKET,
    SOCKET_PATH_BYTES_MAX,
    LayoutError,
    default_home,
    layout_of,
    private_directory,
)


def test_home_is_what_the_environment_says(tmp_path: Path) -> None:
    assert default_home({"POCKETMESH_HOME": str(tmp_path)}) == tmp_path
    assert default_home({}) == Path.home() / ".pocketmesh"


def test_run_directory_is_the_homes_own(tmp_path: Path) -> None:
    environ = {"TMPDIR": "/tmp"}
    first, second = layout_of(tmp_path / "a", environ), layout_of(tmp_path / "b", environ)
    assert first.run != second.run
    assert first == layout_of(tmp_path / "a", environ)
    assert first.run.name.startswith(f"pm-{os.getuid()}-")


def test_runtime_directory_is_preferred_when_it_is_ours(tmp_path: Path) -> None:
    assert layout_of(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path)}).run.parent == tmp_path
    assert layout_of(tmp_path, {"XDG_RUNTIME_DIR": "/no/such", "TMPDIR": "/tmp"}).run.parent == Path("/tmp")


def test_sockets_always_fit(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    run = layout_of(tmp_path, {"TMPDIR": str(deep)}).run
    assert len(os.fsencode(run / LONGEST_SOCKET)) <= SOCKET_PATH_BYTES_MAX


def test_private_directory(tmp_path: Path) -> None:
    made = tmp_path / "a" / "b"
    private_directory(made)
    assert made.stat().st_mode & 0o777 == 0o700
    made.chmod(0o755)
    private_directory(made)
    assert made.stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(made)
    with pytest.raises(LayoutError, match="not a directory"):
        private_directory(tmp_path / "link")


def test_another_users_directory_is_refused(tmp_path: Path) -> None:
    foreign = Path("/") if os.getuid() else tmp_path / "foreign"
    if not os.getuid():
        foreign.mkdir()
        os.chown(foreign, 12345, 12345)
    with pytest.raises(LayoutError, match="belongs to user"):
        private_directory(foreign)
