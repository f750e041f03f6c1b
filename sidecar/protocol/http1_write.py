"""HTTP/1.1 messages onto the wire.

Fields that came through a parser already have their wire line; a head is one join. Framing is ours alone: a body is
either under the Content-Length that is among the fields, or chunked by `chunk`.
"""

from __future__ import annotations

from sidecar.protocol.message import Headers, RequestHead, ResponseHead

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

REASONS: dict[int, bytes] = {
    100: b"Continue", 101: b"Switching Protocols", 102: b"Processing", 103: b"Early Hints", 200: b"OK",
    201: b"Created", 202: b"Accepted", 203: b"Non-Authoritative Information", 204: b"No Content", 205: b"Reset Content",
    206: b"Partial Content", 207: b"Multi-Status", 208: b"Already Reported", 226: b"IM Used", 300: b"Multiple Choices",
    301: b"Moved Permanently", 302: b"Found", 303: b"See Other", 304: b"Not Modified", 305: b"Use Proxy",
    307: b"Temporary Redirect", 308: b"Permanent Redirect", 400: b"Bad Request", 401: b"Unauthorized",
    402: b"Payment Required", 403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed", 406: b"Not Acceptable",
    407: b"Proxy Authentication Required", 408: b"Request Timeout", 409: b"Conflict", 410: b"Gone",
    411: b"Length Required", 412: b"Precondition Failed", 413: b"Payload Too Large", 414: b"URI Too Long",
    415: b"Unsupported Media Type", 416: b"Range Not Satisfiable", 417: b"Expectation Failed",
    421: b"Misdirected Request", 422: b"Unprocessable Entity", 423: b"Locked", 424: b"Failed Dependency",
    426: b"Upgrade Required", 428: b"Precondition Required", 429: b"Too Many Requests",
    431: b"Request Header Fields Too Large", 500: b"Internal Server Error", 501: b"Not Implemented",
    502: b"Bad Gateway", 503: b"Service Unavailable", 504: b"Gateway Timeout", 505: b"HTTP Version Not Supported",
    506: b"Variant Also Negotiates", 507: b"Insufficient Storage", 508: b"Loop Detected", 510: b"Not Extended",
    511: b"Network Authentication Required",
}  # fmt: skip

_STATUS_LINES = {status: b"HTTP/1.1 %d %s\r\n" % (status, reason) for status, reason in REASONS.items()}


def request_head(head: RequestHead, *, chunked: bool, upgrade: bytes = b"") -> bytes:
    """Bytes of a request head. `chunked`: the body follows in chunks; `upgrade`: ask for this protocol."""
    extra = b"transfer-encoding: chunked\r\n" if chunked else b""
    if upgrade:
        extra += b"connection: upgrade\r\nupgrade: %s\r\n" % upgrade
    return b"%s%s\r\n" % (request_lines(head), extra)


def request_lines(head: RequestHead) -> bytes:
    """Request line and fields, without what framing adds and without the final empty line."""
    parts = (head.method, head.path, head.host_name, head.authority, head.headers.wire())
    return b"%s %s HTTP/1.1\r\n%s: %s\r\n%s" % parts


def response_head(head: ResponseHead, *, chunked: bool, close: bool, upgrade: bytes = b"") -> bytes:
    """Bytes of a response head, always as HTTP/1.1. The reason phrase is ours, as Envoy writes its own."""
    extra = b"transfer-encoding: chunked\r\n" if chunked else b""
    if close:
        extra += b"connection: close\r\n"
    if upgrade:
        extra += b"connection: upgrade\r\nupgrade: %s\r\n" % upgrade
    return b"%s%s%s\r\n" % (status_line(head.status), head.headers.wire(), extra)


def status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status


def chunk(data: bytes) -> bytes:
    """One chunk; nothing for no data, because an empty chunk would end the body."""
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: Headers | None) -> bytes:
    return LAST_CHUNK if trailers is None else b"0\r\n%s\r\n" % trailers.wire()
