"""Response heads: what a method and a status make of their framing, and what no proxy may pass on."""

from __future__ import annotations

import pytest

from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import CHUNKED, UNTIL_CLOSE
from sidecar.protocol.http1_response import ResponseMessage, parse_response


@pytest.mark.parametrize(
    ("head", "method", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"GET", (200, 5, True)),
        (b"HTTP/1.1 200\r\nContent-Length: 5", b"GET", (200, 5, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"HEAD", (200, 0, True)),
        (b"HTTP/1.1 204 No", b"GET", (204, 0, True)),
        (b"HTTP/1.1 304 No\r\nContent-Length: 5", b"GET", (304, 0, True)),
        (b"HTTP/1.1 200 OK", b"GET", (200, UNTIL_CLOSE, False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5", b"GET", (200, 5, False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive", b"GET", (200, 5, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close", b"GET", (200, 5, False)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"GET", (200, CHUNKED, True)),
    ],
)
def test_responses(head: bytes, method: bytes, expected: tuple[int, int, bool]) -> None:
    found = parse_response(head, method=method)
    assert isinstance(found, ResponseMessage)
    assert (found.head.status, found.framing, found.keep_alive) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
        b"HTTP/2 200 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1 600 OK",
        b"http/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nX : 1",
        b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1 200 OK" + b"\r\nX: 1" * 101,
    ],
)
def test_bad_responses(head: bytes) -> None:
    assert parse_response(head, method=b"GET") == Malformed(502, "protocol_error")
