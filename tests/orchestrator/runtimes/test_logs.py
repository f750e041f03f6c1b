"""Goal: lines reach the file whole, stamped and bounded, however the bytes come."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.runtimes.logs import PART_BYTES_MAX, LogFile, timestamp

LINE = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([FP]) (.*)", re.DOTALL)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def parsed(path: Path) -> list[tuple[str, str, bytes]]:
    lines = path.read_bytes().split(b"\n")[:-1]
    found = [LINE.fullmatch(line) for line in lines]
    return [(m[2].decode(), m[3].decode(), m[4]) for m in found if m]


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_any_pieces_give_the_same_lines(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("logs")
    descriptor = os.open(path, os.O_RDONLY)
    log = LogFile(descriptor, "c/0.log", 1 << 20)
    for piece in pieces:
        log.write("stdout", piece)
    log.close()
    os.close(descriptor)
    data = b"".join(pieces)
    lines = data.split(b"\n")
    expected = lines[:-1] + ([lines[-1]] if lines[-1] else [])
    assert [text for _, _, text in parsed(path / "c/0.log")] == expected


def test_streams_do_not_mix_within_a_line(directory: int, tmp_path: Path) -> None:
    log = LogFile(directory, "a.log", 1 << 20)
    log.write("stdout", b"o1")
    log.write("stderr", b"e1\n")
    log.write("stdout", b"o2\n")
    log.close()
    assert parsed(tmp_path / "a.log") == [("stderr", "F", b"e1"), ("stdout", "F", b"o1o2")]


def test_a_long_line_comes_in_parts(directory: int, tmp_path: Path) -> None:
    log = LogFile(directory, "a.log", 1 << 20)
    log.write("stdout", b"x" * (2 * PART_BYTES_MAX + 5))
    log.write("stdout", b"y\n")
    log.close()
    found = parsed(tmp_path / "a.log")
    assert [kind for _, kind, _ in found] == ["P", "P", "F"]
    assert b"".join(text for _, _, text in found) == b"x" * (2 * PART_BYTES_MAX + 5) + b"y"


def test_a_file_past_its_bound_is_put_aside(directory: int, tmp_path: Path) -> None:
    log = LogFile(directory, "a.log", 200)
    for number in range(10):
        log.write("stdout", f"line {number} {'x' * 40}\n".encode())
    log.close()
    last, before = (tmp_path / "a.log").stat().st_size, (tmp_path / "a.log.1").stat().st_size
    assert 0 < last <= 200 and 0 < before <= 200
    assert parsed(tmp_path / "a.log")[-1][2].startswith(b"line 9")


@pytest.mark.parametrize("path", ["/etc/x.log", "../x.log", "a/../../x.log"])
def test_paths_stay_in_the_directory(directory: int, path: str) -> None:
    with pytest.raises(OSError, match="leaves the log directory"):
        LogFile(directory, path, 100)


def test_a_link_in_place_of_the_file_is_refused(directory: int, tmp_path: Path) -> None:
    (tmp_path / "a.log").symlink_to("/tmp/elsewhere")
    with pytest.raises(OSError):
        LogFile(directory, "a.log", 100)


def test_time() -> None:
    assert timestamp(1_700_000_000_000_000_005) == "2023-11-14T22:13:20.000000005Z"
