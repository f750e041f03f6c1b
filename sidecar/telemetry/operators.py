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

from sidecar.telemetry.record import ExchangeRecord, HeaderView

Getter = Callable[[ExchangeRecord], "str | int | None"]

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


def _milliseconds(value_s: float) -> int | None:
    return round(value_s * 1000) if value_s >= 0 else None


def _environment(argument: str) -> Getter:
    value = os.environ.get(argument)
    return lambda record: value


def _host(address: str) -> str | None:
    return address.rpartition(":")[0].strip("[]") or None


def _port(address: str) -> int | None:
    port = address.rpartition(":")[2]
    return int(port) if port.isdecimal() else None


_HOSTNAME = socket.gethostname()
_WITH_ARGUMENT: dict[str, Callable[[str], Getter]] = {
    "REQ": _request,
    "RESP": _headers(lambda r: r.response_headers),
    "TRAILER": _headers(lambda r: r.response_trailers),
    "START_TIME": _start_time,
    "ENVIRONMENT": _environment,
}
_PLAIN: dict[str, Getter] = {
    "PROTOCOL": lambda r: r.protocol or None,
    "RESPONSE_CODE": lambda r: r.response_code,
    "RESPONSE_CODE_DETAILS": lambda r: r.details.replace(" ", "_") or None,
    "CONNECTION_TERMINATION_DETAILS": lambda r: r.termination_details.replace(" ", "_") or None,
    "RESPONSE_FLAGS": lambda r: r.flags or None,
    "UPSTREAM_TRANSPORT_FAILURE_REASON": lambda r: r.upstream_failure or None,
    "BYTES_RECEIVED": lambda r: r.bytes_received,
    "BYTES_SENT": lambda r: r.bytes_sent,
    "DURATION": lambda r: _milliseconds(r.duration_s),
    "REQUEST_DURATION": lambda r: _milliseconds(r.request_received_s),
    "RESPONSE_DURATION": lambda r: _milliseconds(r.response_started_s),
    "RESPONSE_TX_DURATION": lambda r: (
        _milliseconds(r.duration_s - r.response_started_s) if r.response_started_s >= 0 else None
    ),
    "UPSTREAM_HOST": lambda r: r.upstream_host or None,
    "UPSTREAM_REMOTE_ADDRESS": lambda r: r.upstream_host or None,
    "UPSTREAM_CLUSTER": lambda r: r.cluster or None,
    "UPSTREAM_CLUSTER_RAW": lambda r: r.cluster or None,
    "UPSTREAM_LOCAL_ADDRESS": lambda r: r.upstream_local or None,
    "UPSTREAM_REQUEST_ATTEMPT_COUNT": lambda r: r.attempts,
    "UPSTREAM_WIRE_BYTES_SENT": lambda r: r.upstream_wire_bytes_sent,
    "UPSTREAM_WIRE_BYTES_RECEIVED": lambda r: r.upstream_wire_bytes_received,
    "UPSTREAM_PEER_URI_SAN": lambda r: r.upstream_peer_uri or None,
    "DOWNSTREAM_LOCAL_ADDRESS": lambda r: r.downstream_local or None,
    "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": lambda r: _host(r.downstream_local),
    "DOWNSTREAM_LOCAL_PORT": lambda r: _port(r.downstream_local),
    "DOWNSTREAM_REMOTE_ADDRESS": lambda r: r.downstream_remote or None,
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": lambda r: _host(r.downstream_remote),
    "DOWNSTREAM_REMOTE_PORT": lambda r: _port(r.downstream_remote),
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": lambda r: r.downstream_direct_remote or r.downstream_remote or None,
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": lambda r: _host(r.downstream_direct_remote or r.downstream_remote),
    "DOWNSTREAM_PEER_URI_SAN": lambda r: r.downstream_peer_uri or None,
    "DOWNSTREAM_LOCAL_URI_SAN": lambda r: r.downstream_local_uri or None,
    "DOWNSTREAM_TLS_VERSION": lambda r: r.downstream_tls_version or None,
    "REQUESTED_SERVER_NAME": lambda r: r.requested_server_name or None,
    "ROUTE_NAME": lambda r: r.route_name or None,
    "VIRTUAL_HOST_NAME": lambda r: r.virtual_host or None,
    "GRPC_STATUS_NUMBER": lambda r: r.grpc_status if r.grpc_status >= 0 else None,
    "CONNECTION_ID": lambda r: r.connection_id,
    "REQUEST_HEADERS_BYTES": lambda r: r.request_header_bytes,
    "RESPONSE_HEADERS_BYTES": lambda r: r.response_header_bytes,
    "TRACE_ID": lambda r: r.trace_id or None,
    "HOSTNAME": lambda r: _HOSTNAME,
}
