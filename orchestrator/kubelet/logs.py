"""`kubectl logs`: reading the files that the sandboxes write, in the CRI format, while they grow and turn over.

Line: `TIME stdout|stderr F|P TEXT`; P lines are parts that the next line goes on.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.controllers.pods import parse_time

POLL_S = 0.05
READ_BYTES = 256 << 10
TAIL_LINES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """None = no bound. `since` in seconds since the epoch."""

    follow: bool = False
    tail_lines: int | None = None
    since: float | None = None
    timestamps: bool = False
    limit_bytes: int | None = None


def split_line(line: bytes) -> tuple[bytes, bytes, bool]:
    """(time, text, whether the text ends its line) of one line of the file."""
    parts = line.split(b" ", 3)
    if len(parts) < 4:
        return b"", line, True
    return parts[0], parts[3], parts[2] != b"P"


class Formatter:
    """Lines of the file to lines for people, one at a time; keeps whether the last one was cut."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._within = False
        self._left = wanted.limit_bytes

    def format(self, line: bytes) -> bytes:
        time, text, whole = split_line(line)
        if self._wanted.since is not None and parse_time(_seconds(time)) < self._wanted.since:
            return b""
        prefix = time + b" " if self._wanted.timestamps and not self._within else b""
        self._within = not whole
        out = prefix + text + (b"\n" if whole else b"")
        if self._left is not None:
            out = out[: self._left]
            self._left -= len(out)
        return out

    @property
    def exhausted(self) -> bool:
        return self._left == 0


def _seconds(time: bytes) -> str:
    """Python reads six digits of a second, the files have nine."""
    text = time.decode(errors="replace").removesuffix("Z")
    head, _, fraction = text.partition(".")
    return f"{head}.{fraction[:6] or '0'}Z" if head else ""


def rotated(path: Path) -> list[Path]:
    """The files of one attempt, the older one first."""
    return [found for found in (path.with_name(path.name + ".1"), path) if found.exists()]


async def read(path: Path, wanted: Wanted, running: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The log at `path`; with `follow` until the container, as `running` says, has ended and all is read."""
    formatter = Formatter(wanted)
    lines: Iterator[bytes] | deque[bytes] = _past_lines(path)
    if wanted.tail_lines is not None:
        lines = deque(lines, maxlen=min(wanted.tail_lines, TAIL_LINES_MAX))
    pending = bytearray()
    for line in lines:
        pending += formatter.format(line)
        if len(pending) >= READ_BYTES:
            yield bytes(pending)
            pending.clear()
        if formatter.exhausted:
            break
    if pending:
        yield bytes(pending)
    if wanted.follow and not formatter.exhausted:
        async for piece in _follow(path, formatter, running):
            yield piece


def _past_lines(path: Path) -> Iterator[bytes]:
    for file in rotated(path):
        with file.open("rb") as opened:
            for line in opened:
                if line.endswith(b"\n"):
                    yield line[:-1]


async def _follow(path: Path, formatter: Formatter, running: Callable[[], bool]) -> AsyncIterator[bytes]:
    """What comes after the last whole line that is there now."""
    while not path.exists():
        if not running():
            return
        await asyncio.sleep(POLL_S)
    file = path.open("rb")
    try:
        file.seek(_whole_bytes(path))
        while not formatter.exhausted:
            alive = running()
            out = b"".join(formatter.format(line) for line in _new_lines(file))
            if out:
                yield out
                continue
            if _turned(file, path):
                file.close()
                file = path.open("rb")
                continue
            if not alive:
                return
            await asyncio.sleep(POLL_S)
    finally:
        file.close()


def _whole_bytes(path: Path) -> int:
    with path.open("rb") as file:
        return sum(len(line) for line in file if line.endswith(b"\n"))


def _new_lines(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines from here on; an unfinished one stays for later."""
    begin = file.tell()
    data = file.read(READ_BYTES)
    end = data.rfind(b"\n") + 1
    file.seek(begin + end)
    yield from data[:end].splitlines() if end else ()


def _turned(file: BinaryIO, path: Path) -> bool:
    """Whether the file was moved away and another begun in its place."""
    try:
        return os.fstat(file.fileno()).st_ino != path.stat().st_ino
    except FileNotFoundError:
        return False
