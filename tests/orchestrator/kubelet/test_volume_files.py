"""Atomic contents: all old or all new, whoever reads whenever."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

from orchestrator.kubelet.volume_files import DATA, write


def names(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir() if not entry.name.startswith("..")}


def test_files_modes_and_changes(tmp_path: Path) -> None:
    volume = tmp_path / "v"
    assert write(volume, {"a": (b"1", 0o644), "deep/b": (b"2", 0o400)})
    assert (volume / "a").read_bytes() == b"1"
    assert (volume / "deep/b").read_bytes() == b"2"
    assert stat.S_IMODE((volume / "deep/b").stat().st_mode) == 0o400
    assert not write(volume, {"a": (b"1", 0o644), "deep/b": (b"2", 0o400)})
    assert write(volume, {"a": (b"3", 0o644), "c": (b"4", 0o644)})
    assert names(volume) == {"a", "c"}
    assert (volume / "a").read_bytes() == b"3"
    assert len([entry for entry in volume.iterdir() if entry.name.startswith("..")]) == 2  # ..data and what it names


def test_an_empty_volume_exists(tmp_path: Path) -> None:
    assert write(tmp_path / "v", {})
    assert names(tmp_path / "v") == set()
    assert not write(tmp_path / "v", {})


def test_a_reader_never_sees_a_mixture(tmp_path: Path) -> None:
    """One thread replaces both files many times; the other reads them through one resolved ..data."""
    volume = tmp_path / "v"
    write(volume, {"a": (b"0", 0o644), "b": (b"0", 0o644)})
    mixed: list[tuple[bytes, bytes]] = []
    done = threading.Event()

    def reader() -> None:
        while not done.is_set():
            held = (volume / DATA).resolve()
            try:
                pair = (held / "a").read_bytes(), (held / "b").read_bytes()
            except FileNotFoundError:
                continue  # replaced meanwhile: a reader opens again
            if pair[0] != pair[1]:
                mixed.append(pair)

    thread = threading.Thread(target=reader)
    thread.start()
    try:
        for number in range(200):
            text = str(number + 1).encode()
            write(volume, {"a": (text, 0o644), "b": (text, 0o644)})
    finally:
        done.set()
        thread.join()
    assert not mixed
    assert (volume / "a").read_bytes() == b"200"
