"""Values of added headers: text with `%OPERATORS%` that are filled in for each request.

Envoy's substitution formatting with the operators of access logs; an unknown one is refused. Values are what the
exchange's record knows so far; what is not known is empty, and an empty value adds no header (Envoy).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime

from sidecar.config.refusal import Refused
from sidecar.protocol.message import RequestHead, ResponseHead
from sidecar.routing.conditions import header_reader
from sidecar.telemetry.fields import FIELDS
from sidecar.telemetry.record import ExchangeRecord

Operator = Callable[[RequestHead, ResponseHead | None, ExchangeRecord], bytes]

REQUEST = frozenset({"REQ", "REQUEST_HEADER"})
RESPONSE = frozenset({"RESP", "RESPONSE_HEADER"})
_TOKEN = re.compile(r"%(?:(?P<name>[A-Z_]+)(?:\((?P<argument>[^()%]*)\))?(?::(?P<length>\d{1,5}))?)?%")


def compile_value(text: str) -> bytes | Operator:
    """Plain bytes when nothing is to be filled in. Raises `Refused`."""
    parts: list[bytes | Operator] = []
    position = 0
    for token in _TOKEN.finditer(text):
        _append(parts, _plain(text[position : token.start()]))
        position = token.end()
        _append(parts, b"%" if token["name"] is None else _operator(token))
    _append(parts, _plain(text[position:]))
    if not parts:
        return b""
    if len(parts) == 1:
        return parts[0]

    def fill(head: RequestHead, response: ResponseHead | None, record: ExchangeRecord) -> bytes:
        return b"".join([part if isinstance(part, bytes) else part(head, response, record) for part in parts])

    return fill


def _append(parts: list[bytes | Operator], part: bytes | Operator) -> None:
    if isinstance(part, bytes) and parts and isinstance(parts[-1], bytes):
        parts[-1] += part
    elif part != b"":
        parts.append(part)


def _plain(text: str) -> bytes:
    if "%" in text:
        raise Refused(f"{text[text.index('%') :]!r} is no operator (a percent sign is written %%)")
    value = text.encode()
    if any(byte in b"\r\n\x00" for byte in value):
        raise Refused("must not hold CR, LF or NUL")
    return value


def _operator(token: re.Match[str]) -> Operator:
    name, argument = str(token["name"]), token["argument"]
    length = int(token["length"]) if token["length"] else None
    found = _find(name, argument)
    if found is None:
        raise Refused(f"unsupported operator {token.group()}")
    if length is None:
        return found
    return lambda head, response, record: found(head, response, record)[:length]


def _find(name: str, argument: str | None) -> Operator | None:
    if name in REQUEST or name in RESPONSE:
        return _header(argument, of_response=name in RESPONSE) if argument else None
    if name == "ENVIRONMENT":
        value = os.environ.get(argument, "").encode() if argument else None
        return None if value is None else lambda head, response, record: value
    if argument is not None:
        return None
    if name == "RESPONSE_CODE":
        return lambda head, response, record: b"%d" % (response.status if response is not None else 0)
    if name == "START_TIME":
        return lambda head, response, record: _iso_time(record.started_at_s)
    read = FIELDS.get(name)
    if read is None:
        return None

    def of_record(head: RequestHead, response: ResponseHead | None, record: ExchangeRecord) -> bytes:
        value = read(record)
        return b"" if value is None else str(value).encode()

    return of_record


def _header(argument: str, *, of_response: bool) -> Operator | None:
    """`X?Y`: Y where X is absent."""
    names = [name.lower().encode() for name in argument.split("?")]
    if len(names) > 2 or not all(names):
        return None
    if of_response:
        return lambda head, response, record: next(
            (value for name in names if response and (value := response.headers.get(name)) is not None), b""
        )
    readers = [header_reader(name) for name in names]
    return lambda head, response, record: next((value for read in readers if (value := read(head)) is not None), b"")


def _iso_time(at_s: float) -> bytes:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
