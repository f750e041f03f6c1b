"""A container's log file, in the format of the CRI: `2006-01-02T15:04:05.000000000Z stdout F text`.

Long lines are cut into parts (P) and an end (F). The file is moved to `<path>.1` when it has grown past its bound,
so one container holds at most twice that. Written by the shim alone, relative to the pod's log directory.
"""

from __future__ import annotations

import os
import time

PART_BYTES_MAX = 16 << 10
"""containerd's max_container_log_line_size."""


class LogFile:
    """One attempt's log; `write` takes bytes as they come from a pipe."""

    __slots__ = ("_bytes_max", "_descriptor", "_directory", "_path", "_pending", "_size")

    def __init__(self, directory: int, path: str, bytes_max: int) -> None:
        self._directory = directory
        self._path = path
        self._bytes_max = bytes_max
        self._pending: dict[str, bytearray] = {}
        self._descriptor = self._open()
        self._size = os.fstat(self._descriptor).st_size

    def _open(self) -> int:
        parents = self._path.split("/")[:-1]
        if self._path.startswith("/") or ".." in parents:
            raise OSError(f"log path {self._path} leaves the log directory")
        for depth in range(len(parents)):
            try:
                os.mkdir("/".join(parents[: depth + 1]), 0o755, dir_fd=self._directory)
            except FileExistsError:
                continue
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self._path, flags, 0o640, dir_fd=self._directory)

    def write(self, stream: str, data: bytes) -> None:
        """Whole lines go to the file; the rest of the last one waits for its end, or for a part's length."""
        pending = self._pending.setdefault(stream, bytearray())
        pending += data
        head = f"{timestamp(time.time_ns())} {stream} ".encode()
        out = bytearray()
        begin = 0
        while (end := pending.find(b"\n", begin)) >= 0:
            while end - begin > PART_BYTES_MAX:
                out += head + b"P " + pending[begin : begin + PART_BYTES_MAX] + b"\n"
                begin += PART_BYTES_MAX
            out += head + b"F " + pending[begin : end + 1]
            begin = end + 1
        while len(pending) - begin > PART_BYTES_MAX:
            out += head + b"P " + pending[begin : begin + PART_BYTES_MAX] + b"\n"
            begin += PART_BYTES_MAX
        del pending[:begin]
        self._append(out)

    def close(self) -> None:
        """Write what had no end of line, and close the file."""
        for stream, pending in self._pending.items():
            if pending:
                self._append(f"{timestamp(time.time_ns())} {stream} F ".encode() + bytes(pending) + b"\n")
        self._pending.clear()
        os.close(self._descriptor)

    def _append(self, data: bytes | bytearray) -> None:
        if not data:
            return
        if self._size + len(data) > self._bytes_max and self._size:
            self._rotate()
        try:
            self._size += os.write(self._descriptor, data)
        except OSError:
            return  # a full disk must not end the container

    def _rotate(self) -> None:
        os.rename(self._path, f"{self._path}.1", src_dir_fd=self._directory, dst_dir_fd=self._directory)
        os.close(self._descriptor)
        self._descriptor = self._open()
        self._size = 0


def timestamp(now_ns: int) -> str:
    """RFC 3339 with nanoseconds, UTC."""
    seconds, fraction = divmod(now_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:09d}Z"
