"""What is written is what our own parser reads back."""

from __future__ import annotations

from sidecar.protocol.http1_head import HeadOptions, RequestMessage, parse_request
from sidecar.protocol.http1_response import ResponseMessage, parse_response
from sidecar.protocol.http1_write import chunk, last_chunk, request_head, response_head
from sidecar.protocol.message import Headers, RequestHead, ResponseHead


def test_requests_round_trip() -> None:
    head = RequestHead(b"PUT", b"/x?y", authority=b"a:1", headers=Headers([(b"X-A", b"1"), (b"x-b", b"2")]))
    wire = request_head(head, chunked=True)
    assert wire == b"PUT /x?y HTTP/1.1\r\nhost: a:1\r\nx-a: 1\r\nx-b: 2\r\ntransfer-encoding: chunked\r\n\r\n"
    again = parse_request(wire[:-4], HeadOptions())
    assert isinstance(again, RequestMessage)
    assert (again.head.method, again.head.path, again.head.authority) == (b"PUT", b"/x?y", b"a:1")
    assert b"connection: upgrade\r\nupgrade: websocket\r\n" in request_head(head, chunked=False, upgrade=b"websocket")


def test_responses_round_trip() -> None:
    head = ResponseHead(404, headers=Headers([(b"content-length", b"0")]))
    wire = response_head(head, chunked=False, close=True)
    assert wire == b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    again = parse_response(wire[:-4], method=b"GET")
    assert isinstance(again, ResponseMessage)
    assert (again.head.status, again.framing, again.keep_alive) == (404, 0, False)
    assert response_head(ResponseHead(299), chunked=False, close=False) == b"HTTP/1.1 299 Unknown\r\n\r\n"


def test_chunks() -> None:
    assert chunk(b"a" * 17) == b"11\r\n" + b"a" * 17 + b"\r\n"
    assert chunk(b"") == b""
    assert last_chunk(None) == b"0\r\n\r\n"
    assert last_chunk(Headers([(b"X", b"1")])) == b"0\r\nx: 1\r\n\r\n"
