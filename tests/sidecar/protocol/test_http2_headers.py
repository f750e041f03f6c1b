"""Messages in HTTP/2: what is malformed, and what heads become."""

from __future__ import annotations

import pytest

from sidecar.protocol.hpack_decoder import Block, Decoder
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import CHUNKED, HeadOptions, RequestMessage
from sidecar.protocol.http1_response import ResponseMessage
from sidecar.protocol.http2_headers import request, request_block, response, response_block, trailers
from sidecar.protocol.message import Headers, RequestHead, ResponseHead
from tests.support.http2 import GET

CONNECT = [(b":method", b"CONNECT"), (b":authority", b"a.test:443")]
OPTIONS = HeadOptions()


def read(pairs: list[tuple[bytes, bytes]], *, end: bool = True, connect: bool = False) -> RequestMessage | Malformed:
    return request(Block(pairs, 0), OPTIONS, end=end, connect=connect)


@pytest.mark.parametrize(
    "pairs",
    [
        [*GET, (b"X-Upper", b"1")],
        [*GET, (b":unknown", b"1")],
        [*GET, (b":status", b"200")],
        [GET[0], GET[1], (b"x-early", b"1"), GET[2], GET[3]],
        [*GET, (b":path", b"/two")],
        [*GET, (b"connection", b"close")],
        [*GET, (b"transfer-encoding", b"chunked")],
        [*GET, (b"upgrade", b"h2c")],
        [*GET, (b"te", b"gzip")],
        [*GET, (b"x", b"a\r\nhost: b")],
        [*GET, (b"x", b"a\x00b")],
        [*GET, (b"x", b" a")],
        [*GET, (b"x y", b"a")],
        [*GET, (b"", b"a")],
        [*GET, (b"host", b"b.test")],
        [*GET, (b"content-length", b"5")],
        [*GET, (b"content-length", b"+0")],
        [*GET[:2], (b":path", b""), GET[3]],
        [*GET[:2], (b":path", b"/a b"), GET[3]],
        [*GET[:2], (b":path", b"a"), GET[3]],
        [*GET[:2], (b":path", b"*"), GET[3]],
        [GET[0], *GET[2:]],
        GET[1:],
        [*GET[:2], GET[3]],
        GET[:3],
        [*GET[:3], (b":authority", b"u@a/b")],
        [(b":method", b"G T"), *GET[1:]],
        [*CONNECT, (b":path", b"/")],
        [(b":method", b"CONNECT")],
        [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]],
    ],
)  # fmt: skip
def test_malformed_requests(pairs: list[tuple[bytes, bytes]]) -> None:
    message = read(pairs)
    assert isinstance(message, Malformed)
    assert message.status == 400


def test_request() -> None:
    message = read([*GET, (b"cookie", b"a=1"), (b"te", b"trailers"), (b"cookie", b"b=2"), (b"x", b"1")])
    assert isinstance(message, RequestMessage)
    head = message.head
    assert (head.method, head.path, head.authority, head.version) == (b"GET", b"/", b"a.test", 20)
    assert list(head.headers) == [(b"cookie", b"a=1; b=2"), (b"te", b"trailers"), (b"x", b"1")]
    assert message.framing == 0


@pytest.mark.parametrize(
    ("extra", "end", "framing"),
    [
        ([], False, CHUNKED),
        ([(b"content-length", b"7")], False, 7),
        ([], True, 0),
        ([(b"content-length", b"0")], True, 0),
    ],
)
def test_framing(extra: list[tuple[bytes, bytes]], end: bool, framing: int) -> None:
    message = read([(b":method", b"POST"), *GET[1:], *extra], end=end)
    assert isinstance(message, RequestMessage)
    assert message.framing == framing
    assert (message.head.headers.get(b"content-length") is None) == (framing == CHUNKED)


def test_host_stands_in_for_authority() -> None:
    message = read([*GET[:3], (b"host", b"h.test")])
    assert isinstance(message, RequestMessage)
    assert message.head.authority == b"h.test"
    assert b"host" not in message.head.headers


def test_connect_plain_and_extended() -> None:
    plain = read(CONNECT, end=False)
    assert isinstance(plain, RequestMessage)
    assert (plain.head.method, plain.head.authority, plain.upgrade) == (b"CONNECT", b"a.test:443", b"")
    pairs = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]]
    extended = read(pairs, end=False, connect=True)
    assert isinstance(extended, RequestMessage)
    assert (extended.head.method, extended.head.path, extended.upgrade) == (b"GET", b"/", b"websocket")


@pytest.mark.parametrize(("count", "too_large"), [(101, False), (1, True)])
def test_too_many_or_too_large(count: int, too_large: bool) -> None:
    block = Block([*GET, *[(b"x", b"1")] * count], 0)
    block.too_large = too_large
    message = request(block, OPTIONS, end=True, connect=False)
    assert isinstance(message, Malformed)
    assert message.status == 431


def test_underscores_and_expectations() -> None:
    block = Block([*GET, (b"x_y", b"1")], 0)
    refused = request(block, HeadOptions(underscores="REJECT_REQUEST"), end=True, connect=False)
    assert isinstance(refused, Malformed)
    dropped = request(block, HeadOptions(underscores="DROP_HEADER"), end=True, connect=False)
    assert isinstance(dropped, RequestMessage)
    assert b"x_y" not in dropped.head.headers
    assert read([*GET, (b"expect", b"x")]) == Malformed(417, "http2.unknown_expectation")
    waits = read([*GET, (b"expect", b"100-continue")], end=False)
    assert isinstance(waits, RequestMessage)
    assert waits.expect_continue


@pytest.mark.parametrize(
    "pairs",
    [[], [(b":status", b"99")], [(b":status", b"101")], [(b":status", b"200"), (b":path", b"/")],
     [(b"x", b"1"), (b":status", b"200")], [(b":status", b"200"), (b"content-length", b"x")]],
)  # fmt: skip
def test_malformed_responses(pairs: list[tuple[bytes, bytes]]) -> None:
    assert isinstance(response(Block(pairs, 0), method=b"GET", end=True, fields_max=100), Malformed)


def test_response_there_and_back() -> None:
    head = ResponseHead(404, headers=Headers([(b"X-A", b"1"), (b"connection", b"x"), (b"x-request-id", b"u")]))
    for _ in range(2):
        block = Decoder().decode(response_block(head))
        assert block is not None
        message = response(block, method=b"GET", end=False, fields_max=100)
        assert isinstance(message, ResponseMessage)
        assert (message.head.status, message.framing) == (404, CHUNKED)
        assert list(message.head.headers) == [(b"x-a", b"1"), (b"x-request-id", b"u")]


def test_request_there_and_back() -> None:
    head = RequestHead(b"PUT", b"/x?y", authority=b"a.test", headers=Headers([(b"x", b"1"), (b"content-length", b"2")]))
    block = Decoder().decode(request_block(head))
    assert block is not None
    message = request(block, OPTIONS, end=False, connect=False)
    assert isinstance(message, RequestMessage)
    assert (message.head.method, message.head.path, message.framing) == (b"PUT", b"/x?y", 2)
    block = Decoder().decode(request_block(head, protocol=b"websocket"))
    assert block is not None
    assert block.pairs[:2] == [(b":method", b"CONNECT"), (b":protocol", b"websocket")]


def test_trailers() -> None:
    assert trailers(Block([(b":status", b"200")], 0), 100) is None
    found = trailers(Block([(b"grpc-status", b"0")], 0), 100)
    assert found is not None
    assert list(found) == [(b"grpc-status", b"0")]
