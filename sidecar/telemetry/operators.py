"""The operators of Envoy's access log format strings: name and argument in, a function of the record out.

Names and meanings are Envoy 1.40's (docs: configuration/observability/access_log/usage). A getter answers None for "not
known", which text prints as `-` and JSON as null. An operator that is not here is refused when the format is compiled.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable
from functools import lru_cache

from sidecar.telemetry.fields import FIELDS, Getter
from sidecar.telemetry.record import ExchangeRecord, HeaderView

_OPERATOR = re.compile(r"%([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d+))?%")
_PSEUDO: dict[str, Callable[[ExchangeRecord], bytes]] = {
    ":method": lambda r: r.method,
    ":path": lambda r: r.path,
    ":authority": lambda r: r.authority,
    ":scheme": lambda r: r.scheme,
    "x-envoy-original-path": lambda r: r.original_path,
    "x-request-id": lambda r: r.request_id,
    "host": lambda r: r.authority,
}


def parse(source: str) -> list[str | Getter]:
    """Split a format string into literals and getters. ValueError names what is not supported."""
    parts: list[str | Getter] = []
    position = 0
    while position < len(source):
        start = source.find("%", position)
        if start < 0:
            parts.append(source[position:])
            break
        if start > position:
            parts.append(source[position:start])
        if source.startswith("%%", start):
            parts.append("%")
            position = start + 2
            continue
        found = _OPERATOR.match(source, start)
        if found is None:
            raise ValueError(f"access log format: no operator at {source[start : start + 40]!r}")
        parts.append(getter(found[1], found[2], found[3]))
        position = found.end()
    return parts


def getter(name: str, argument: str | None, length: str | None) -> Getter:
    if name in _WITH_ARGUMENT:
        made = _WITH_ARGUMENT[name](argument or "")
    elif name in _PLAIN and argument is None:
        made = _PLAIN[name]
    else:
        raise ValueError(f"access log format: %{name}{'' if argument is None else f'({argument})'}% is not supported")
    return made if length is None else _cut(made, int(length))


def supported() -> list[str]:
    """Names of all operators, in order; those with an argument with `(...)`."""
    return sorted([*_PLAIN, *(f"{name}(...)" for name in _WITH_ARGUMENT)])


def _cut(inner: Getter, length: int) -> Getter:
    def cut(record: ExchangeRecord) -> str | int | None:
        value = inner(record)
        return value[:length] if isinstance(value, str) else value

    return cut


def _text(value: bytes | None) -> str | None:
    return value.decode("utf-8", "backslashreplace") if value else None


def _request(argument: str) -> Getter:
    """REQ(MAIN?ALTERNATIVE): the first that is present."""
    names = [name.lower() for name in argument.split("?")]
    if not names[0] or len(names) > 2:
        raise ValueError(f"access log format: %REQ({argument})%")
    lookups = [_request_header(name) for name in names]
    if len(lookups) == 1:
        only = lookups[0]
        return lambda record: _text(only(record))

    def request(record: ExchangeRecord) -> str | None:
        for lookup in lookups:
            if value := lookup(record):
                return _text(value)
        return None

    return request


def _request_header(name: str) -> Callable[[ExchangeRecord], bytes | None]:
    pseudo = _PSEUDO.get(name)
    wire = name.encode()
    if pseudo is not None and name.startswith(":"):
        return pseudo

    def header(record: ExchangeRecord) -> bytes | None:
        if pseudo is not None and (value := pseudo(record)):
            return value
        return record.request_headers.get(wire) if record.request_headers is not None else None

    return header


def _headers(view: Callable[[ExchangeRecord], HeaderView | None]) -> Callable[[str], Getter]:
    def make(argument: str) -> Getter:
        names = [name.lower().encode() for name in argument.split("?")]
        if len(names) == 1:
            only = names[0]
            return lambda record: _text(headers.get(only)) if (headers := view(record)) is not None else None

        def header(record: ExchangeRecord) -> str | None:
            headers = view(record)
            for name in names:
                if headers is not None and (value := headers.get(name)):
                    return _text(value)
            return None

        return header

    return make


def _start_time(argument: str) -> Getter:
    """ISO 8601 with milliseconds by default; a strftime pattern with %f, %3f, %6f, %9f (fractions) and %s else."""
    if not argument:
        return lambda record: iso_time(record.started_at_s)

    def formatted(record: ExchangeRecord) -> str:
        seconds, fraction = divmod(record.started_at_s, 1)
        nanoseconds = f"{int(fraction * 1e9):09d}"
        pattern = re.sub(r"%([369]?)f", lambda found: nanoseconds[: int(found[1] or 9)], argument)
        return time.strftime(pattern.replace("%s", str(int(seconds))), time.gmtime(seconds))

    return formatted


def iso_time(seconds: float) -> str:
    """2026-01-02T03:04:05.678Z"""
    whole, fraction = divmod(int(seconds * 1000), 1000)
    return f"{_whole_second(whole)}.{fraction:03d}Z"


@lru_cache(maxsize=8)
def _whole_second(whole: int) -> str:
    """Lines are formatted in batches: many of one second, one after the other."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))


def _environment(argument: str) -> Getter:
    value = os.environ.get(argument)
    return lambda record: value


_HOSTNAME = socket.gethostname()
_WITH_ARGUMENT: dict[str, Callable[[str], Getter]] = {
    "REQ": _request,
    "REQUEST_HEADER": _request,
    "RESP": _headers(lambda r: r.response_headers),
    "RESPONSE_HEADER": _headers(lambda r: r.response_headers),
    "TRAILER": _headers(lambda r: r.response_trailers),
    "RESPONSE_TRAILER": _headers(lambda r: r.response_trailers),
    "START_TIME": _start_time,
    "ENVIRONMENT": _environment,
}
_PLAIN: dict[str, Getter] = {**FIELDS, "HOSTNAME": lambda record: _HOSTNAME}
