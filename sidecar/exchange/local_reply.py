"""Answers the proxy gives itself: status, response flag, details and body, as Envoy 1.40 was measured to answer.

Operators search logs for these words, so they are part of the interface.
"""

from __future__ import annotations

from typing import NamedTuple

from sidecar.exchange.http1_client import Reset
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_write import REASONS
from sidecar.protocol.message import Headers, RequestHead, ResponseHead

_BEFORE = b"upstream connect error or disconnect/reset before headers. "
_RETRIED = b"upstream connect error or disconnect/reset before headers. retried and the latest reset reason: "


class Reply(NamedTuple):
    status: int
    flags: str
    details: str
    body: bytes = b""
    overloaded: bool = False
    """Adds `x-envoy-overloaded: true`."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    close: bool = False
    grpc: int | None = None
    """The gRPC status; None = what the HTTP status stands for."""


NO_ROUTE = Reply(404, "NR", "route_not_found")
NO_CLUSTER = Reply(503, "NC", "cluster_not_found")
NO_HOST = Reply(503, "UH", "no_healthy_upstream", b"no healthy upstream")
ROUTE_TIMEOUT = Reply(504, "UT", "response_timeout", b"upstream request timeout")
PER_TRY_TIMEOUT = Reply(504, "UT", "upstream_per_try_timeout", b"upstream request timeout")
PER_TRY_IDLE = Reply(504, "UT", "upstream_per_try_idle_timeout", b"upstream request timeout")
STREAM_IDLE = Reply(504, "SI", "stream_idle_timeout", b"stream timeout")
REQUEST_IDLE = Reply(408, "SI", "stream_idle_timeout", b"stream timeout", close=True)
REQUEST_TIMEOUT = Reply(408, "", "request_overall_timeout", b"request timeout", close=True)
HEADERS_TIMEOUT = Reply(408, "", "request_header_timeout", b"request header timeout", close=True)
MAX_DURATION = Reply(504, "", "max_duration_timeout", b"downstream duration timeout")
REQUEST_MAX_DURATION = MAX_DURATION._replace(status=408, close=True)
UPGRADE_REFUSED = Reply(403, "", "upgrade_failed")
NO_CONNECT_ROUTE = Reply(404, "NR", "route_not_found")
BODY_TOO_LARGE = Reply(413, "", "request_payload_too_large", b"Payload Too Large")

_RESETS = {
    Reset.CONNECTION_FAILURE: (503, "UF", "remote_connection_failure"),
    Reset.CONNECTION_TIMEOUT: (503, "UF", "connection_timeout"),
    Reset.CONNECTION_TERMINATION: (503, "UC", "connection_termination"),
    Reset.PROTOCOL_ERROR: (502, "UPE", "protocol_error"),
    Reset.OVERFLOW: (503, "UO", "overflow"),
    Reset.REMOTE_RESET: (503, "UR", "remote_reset"),
    Reset.REMOTE_REFUSED: (503, "UR", "remote_refused_stream_reset"),
}


NOT_OF_THE_CODEC = frozenset({"low_version", "missing_host_header", "path_normalization_failed"})
"""Refused for what the head says and not for how it is written: no DPE, and no body."""


def malformed(problem: Malformed) -> Reply:
    """A request that cannot be read. Nothing after it can be trusted."""
    if problem.details in NOT_OF_THE_CODEC:
        return Reply(problem.status, "", problem.details, close=True)
    return Reply(problem.status, "DPE", problem.details, REASONS[problem.status], close=True)


def upstream_reset(reset: Reset, detail: str, *, retried: bool) -> Reply:
    """No response came: why, in Envoy's words. `retried`: attempts before this one failed too."""
    status, flag, word = _RESETS[reset]
    inner = f"{word}|{detail}" if detail else word
    body = b"%sreset reason: %s" % (_BEFORE, reset.value.encode()) if not retried else _RETRIED + reset.value.encode()
    if detail and reset is Reset.CONNECTION_FAILURE:
        body += b", transport failure reason: " + detail.replace("_", " ").encode() if detail.startswith("TLS") else b""
    return Reply(
        status, flag, f"upstream_reset_before_response_started{{{inner}}}", body, overloaded=reset is Reset.OVERFLOW
    )


def reset_flag(reset: Reset) -> str:
    return _RESETS[reset][1]


def after_response(reset: Reset) -> str:
    """Details of a response that was cut."""
    return f"upstream_reset_after_response_started{{{_RESETS[reset][2]}}}"


_GRPC = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}


def grpc_status(status: int) -> int:
    """The gRPC status a local reply's HTTP status stands for (grpc's http-grpc-status-mapping)."""
    return _GRPC.get(status, 2)


def is_grpc(request: RequestHead) -> bool:
    kind = request.headers.get(b"content-type")
    return kind is not None and (
        kind == b"application/grpc" or kind.startswith((b"application/grpc+", b"application/grpc;"))
    )


def response(reply: Reply, request: RequestHead | None) -> tuple[ResponseHead, bytes]:
    """Head and body to send. For gRPC: 200 and the status in the head, no body."""
    headers = Headers(reply.headers)
    if request is not None and is_grpc(request):
        headers.set(b"content-type", b"application/grpc")
        headers.set(b"grpc-status", b"%d" % (grpc_status(reply.status) if reply.grpc is None else reply.grpc))
        if reply.body:
            headers.set(b"grpc-message", percent_encoded(reply.body))
        if reply.overloaded:
            headers.set(b"x-envoy-overloaded", b"true")
        return ResponseHead(200, headers=headers), b""
    if reply.body:
        headers.set(b"content-length", b"%d" % len(reply.body))
        if b"content-type" not in headers:
            headers.set(b"content-type", b"text/plain")
    if reply.overloaded:
        headers.set(b"x-envoy-overloaded", b"true")
    return ResponseHead(reply.status, headers=headers), reply.body


def percent_encoded(message: bytes) -> bytes:
    """gRPC's Status-Message: printable ASCII without `%`, the rest as %XX."""
    return b"".join(b"%c" % byte if 0x20 <= byte <= 0x7E and byte != 0x25 else b"%%%02X" % byte for byte in message)
