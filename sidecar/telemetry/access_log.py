"""Access logs: formats are compiled once, records are kept as they are and formatted in batches off the hot path.

A log holds at most `PENDING_MAX` records; more are dropped and counted: a slow reader must not cost memory.
Text and JSON formats are Envoy's (substitution_format_string.proto); Istio's default is text.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import stat
from collections.abc import Callable, Mapping
from typing import Any

from sidecar.telemetry.fields import Getter
from sidecar.telemetry.operators import parse
from sidecar.telemetry.record import ExchangeRecord
from sidecar.telemetry.stats import Stats

PENDING_MAX = 10_000
UNWRITTEN_BYTES_MAX = 1 << 20
FLUSH_INTERVAL_S = 0.25
"""Envoy flushes after 10 s or 64 KiB; a person who looks at a pod's log expects its request there."""
FORMATTED_AT_ONCE = 32
"""Few enough that the records are still in the processor's cache, and that their memory is used again soon."""
BATCHES_MAX = 512
"""Formatted and not yet written; then records wait, up to `PENDING_MAX`."""
PIPE_WRITE_BYTES = 4096
"""A pipe that poll() calls writable takes this much without blocking (PIPE_BUF, pipe(7))."""

ENVOY_DEFAULT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" '
    '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n'
)
ISTIO_DEFAULT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)

Formatter = Callable[[ExchangeRecord], str]


def text_formatter(source: str, *, omit_empty: bool = False) -> Formatter:
    """ValueError for an operator that is not supported."""
    parts = parse(source)
    missing = "" if omit_empty else "-"
    template = "".join(part.replace("%", "%%") if isinstance(part, str) else "%s" for part in parts)
    getters = tuple(part for part in parts if not isinstance(part, str))

    def line(record: ExchangeRecord) -> str:
        return template % tuple([missing if (value := read(record)) is None else value for read in getters])

    return line


def json_formatter(source: Mapping[str, Any], *, omit_empty: bool = False) -> Formatter:
    """One object a line. A value that is one operator keeps its type; missing is null (Envoy's JSON formatter)."""
    shape = _shape(source, "" if omit_empty else "-")
    fill = _fill_known if omit_empty else _fill

    def line(record: ExchangeRecord) -> str:
        return json.dumps(fill(shape, record), separators=(",", ":")) + "\n"

    return line


def _shape(source: Any, missing: str) -> Any:
    if isinstance(source, Mapping):
        return {str(key): _shape(value, missing) for key, value in source.items()}
    if isinstance(source, list):
        return [_shape(value, missing) for value in source]
    if not isinstance(source, str):
        return source
    parts = parse(source)
    return parts[0] if len(parts) == 1 else _Mixed(parts, missing)


class _Mixed:
    def __init__(self, parts: list[str | Getter], missing: str) -> None:
        self.parts = parts
        self.missing = missing

    def __call__(self, record: ExchangeRecord) -> str:
        values = (part if isinstance(part, str) else part(record) for part in self.parts)
        return "".join(self.missing if value is None else str(value) for value in values)


def _fill_known(shape: Any, record: ExchangeRecord) -> Any:
    """omit_empty_values: keys without a value are left out."""
    if isinstance(shape, dict):
        filled = ((key, _fill_known(value, record)) for key, value in shape.items())
        return {key: value for key, value in filled if value is not None}
    return _fill(shape, record)


def _fill(shape: Any, record: ExchangeRecord) -> Any:
    if isinstance(shape, dict):
        return {key: _fill(value, record) for key, value in shape.items()}
    if isinstance(shape, list):
        return [_fill(value, record) for value in shape]
    return shape(record) if callable(shape) else shape


class AccessLogFile:
    """One output. Several logs may share it; lines of one log keep their order."""

    def __init__(self, path: str, stats: Stats) -> None:
        self.path = path
        self._descriptor = _open(path)
        self._is_pipe = not stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        self._pending: list[tuple[Formatter, ExchangeRecord]] = []
        self._formatted: list[str] = []
        self._unwritten = b""
        self._timer: asyncio.TimerHandle | None = None
        self._written = stats.counter("filesystem.write_completed")
        self._buffered = stats.counter("filesystem.write_buffered")
        self._dropped = stats.counter("access_log.dropped")

    def append(self, formatter: Formatter, record: ExchangeRecord) -> None:
        if len(self._pending) >= PENDING_MAX:
            self._dropped.value += 1
            return
        self._pending.append((formatter, record))
        if len(self._pending) >= FORMATTED_AT_ONCE and len(self._formatted) < BATCHES_MAX:
            self._format()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_INTERVAL_S, self.flush)

    def flush(self) -> None:
        """Format and write what is there; what the reader does not take now is tried again by the timer."""
        self._timer = None
        self._format()
        texts, self._formatted = self._formatted, []
        self._unwritten += "".join(texts).encode("utf-8", "backslashreplace")
        self._write()
        if len(self._unwritten) > UNWRITTEN_BYTES_MAX:
            self._dropped.value += self._unwritten.count(b"\n", 0, -UNWRITTEN_BYTES_MAX)
            cut = self._unwritten.find(b"\n", len(self._unwritten) - UNWRITTEN_BYTES_MAX)
            self._unwritten = self._unwritten[cut + 1 :]
        if self._unwritten:
            with contextlib.suppress(RuntimeError):  # the last flush runs after the loop
                self._timer = asyncio.get_running_loop().call_later(FLUSH_INTERVAL_S, self.flush)

    def _format(self) -> None:
        pending, self._pending = self._pending, []
        self._formatted.append("".join([formatter(record) for formatter, record in pending]))
        self._buffered.value += len(pending)

    def _write(self) -> None:
        try:
            while self._unwritten:
                if self._is_pipe and not _writable(self._descriptor):
                    return
                size = PIPE_WRITE_BYTES if self._is_pipe else len(self._unwritten)
                count = os.write(self._descriptor, self._unwritten[:size])
                self._unwritten = self._unwritten[count:]
                self._written.value += 1
        except OSError:  # the reader is gone: nobody can be told
            self._unwritten = b""

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        if self._descriptor > 2:
            os.close(self._descriptor)


class FormattedLog:
    """What a listener's filter holds: a format and the output it goes to."""

    __slots__ = ("_file", "_formatter")

    def __init__(self, file: AccessLogFile, formatter: Formatter) -> None:
        self._file = file
        self._formatter = formatter

    def append(self, record: ExchangeRecord, /) -> None:
        self._file.append(self._formatter, record)


def _open(path: str) -> int:
    standard = {"/dev/stdout": 1, "/dev/stderr": 2}.get(path)
    if standard is not None:
        return standard
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise ValueError(f"access log {path}: {error.strerror}") from None


def _writable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
