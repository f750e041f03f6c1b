"""Reading log files: options as a table, following a file that grows and is moved away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orchestrator.controllers.pods import parse_time
from orchestrator.kubelet.logs import Formatter, Wanted, read, rotated, split_line

LINES = [
    b"2024-01-01T00:00:01.000000000Z stdout F one",
    b"2024-01-01T00:00:02.000000000Z stdout P tw",
    b"2024-01-01T00:00:02.000000001Z stdout F o",
    b"2024-01-01T00:00:03.500000000Z stderr F three",
]


async def everything(path: Path, *, running: bool = False, **wanted: Any) -> bytes:
    return b"".join([piece async for piece in read(path, Wanted(**wanted), lambda: running)])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


def test_split() -> None:
    assert split_line(LINES[0]) == (b"2024-01-01T00:00:01.000000000Z", b"one", True)
    assert split_line(LINES[1])[1:] == (b"tw", False)
    assert split_line(b"torn") == (b"", b"torn", True)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({}, b"one\ntwo\nthree\n"),
        ({"tail_lines": 1}, b"three\n"),
        ({"tail_lines": 0}, b""),
        ({"limit_bytes": 5}, b"one\nt"),
        ({"since": parse_time("2024-01-01T00:00:03Z")}, b"three\n"),
        ({"timestamps": True, "tail_lines": 1}, b"2024-01-01T00:00:03.500000000Z three\n"),
        ({"follow": True}, b"one\ntwo\nthree\n"),
    ],
)
async def test_options(log: Path, wanted: dict[str, Any], text: bytes) -> None:
    assert await everything(log, **wanted) == text


def test_a_cut_line_has_one_timestamp() -> None:
    formatter = Formatter(Wanted(timestamps=True))
    assert b"".join(map(formatter.format, LINES[1:3])) == b"2024-01-01T00:00:02.000000000Z two\n"


async def test_the_file_before_comes_first(log: Path) -> None:
    log.rename(log.with_name("0.log.1"))
    log.write_bytes(b"2024-01-01T00:00:04.000000000Z stdout F four\n")
    assert [path.name for path in rotated(log)] == ["0.log.1", "0.log"]
    assert await everything(log, tail_lines=2) == b"three\nfour\n"


async def test_nothing_there(tmp_path: Path) -> None:
    assert await everything(tmp_path / "none.log") == b""
    assert await everything(tmp_path / "none.log", follow=True) == b""


async def test_follows_growth_and_a_turn_of_the_file(log: Path) -> None:
    alive = [True]
    stream = read(log, Wanted(follow=True, tail_lines=0), lambda: alive[0])

    async def following() -> bytes:
        return b"".join([piece async for piece in stream])

    task = asyncio.get_running_loop().create_task(following())
    with log.open("ab") as file:
        file.write(b"2024-01-01T00:00:05.0Z stdout F half")
        file.flush()
        await asyncio.sleep(0.12)  # more than one poll: an unfinished line must wait
        file.write(b" a line\n")
    await asyncio.sleep(0.12)
    log.rename(log.with_name("0.log.1"))
    log.write_bytes(b"2024-01-01T00:00:06.0Z stdout F after\n")
    await asyncio.sleep(0.12)
    alive[0] = False
    assert await asyncio.wait_for(task, 5) == b"half a line\nafter\n"
