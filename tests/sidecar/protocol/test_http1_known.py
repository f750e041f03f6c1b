"""Heads remembered whole: the same meaning each time, never changed by who used it, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol import http1_known
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import HeadOptions, RequestMessage, parse_request
from sidecar.protocol.http1_known import HEAD_KNOWN_BYTES_MAX, HEADS_KNOWN_MAX, KnownRequests, parse_known_response
from sidecar.protocol.http1_response import ResponseMessage, parse_response

GET = b"GET /a HTTP/1.1\r\nHost: h\r\nAccept: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b"
EXTRA = ["accept: y", "connection: close", "content-length: 4", "cookie: a=b", "transfer-encoding: chunked", "x: y"]


def shown(message: RequestMessage | Malformed) -> object:
    if isinstance(message, Malformed):
        return message
    head = message.head
    return (head.method, head.path, head.authority, list(head.headers), head.headers.wire(), message.framing,
            message.keep_alive, message.upgrade, message.expect_continue)  # fmt: skip


@given(st.lists(st.sampled_from([*EXTRA, "bad header", "upgrade: h", "expect: 100-continue"]), max_size=4))
def test_a_memory_changes_no_meaning(extra: list[str]) -> None:
    block = "\r\n".join(["POST / HTTP/1.1", "host: a", *extra]).encode()
    known = KnownRequests(HeadOptions())
    assert [shown(known.parse(block + b"\r\n\r\n")) for _ in range(3)] == [
        shown(parse_request(block, HeadOptions()))
    ] * 3


def test_a_repetition_is_the_same_object() -> None:
    known = KnownRequests(HeadOptions())
    first = known.parse(GET)
    assert isinstance(first, RequestMessage)
    assert first.memo == {}
    assert known.parse(GET) is first


@pytest.mark.parametrize(
    "extra",
    [
        b"x-request-id: 1",
        b"traceparent: 00-1-2-01",
        b"tracestate: a=b",
        b"x-b3-sampled: 1",
        b"connection: upgrade\r\nupgrade: websocket",
        b"content-length: 1\r\nexpect: 100-continue",
        b"x: " + b"y" * HEAD_KNOWN_BYTES_MAX,
    ],
)
def test_what_is_not_remembered(extra: bytes) -> None:
    known = KnownRequests(HeadOptions())
    data = b"GET / HTTP/1.1\r\nhost: a\r\n%s\r\n\r\n" % extra
    message = known.parse(data)
    assert isinstance(message, RequestMessage)
    assert message.memo is None
    assert known.parse(data) is not message


def test_bounded() -> None:
    known = KnownRequests(HeadOptions())
    for number in range(2 * HEADS_KNOWN_MAX + 1):
        known.parse(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % number)
        assert len(known.by_bytes) <= HEADS_KNOWN_MAX
        parse_known_response(OK + b"%d" % number, method=b"GET")
        assert len(http1_known._responses) <= HEADS_KNOWN_MAX


def test_a_response_that_comes_again_is_the_same_object() -> None:
    first = parse_known_response(OK, method=b"GET")
    assert isinstance(first, ResponseMessage)
    assert first.memo is not None
    assert parse_known_response(OK, method=b"POST") is first
    changed = first.head.twin()
    changed.headers.set(b"a", b"c")
    changed.headers.append(b"d", b"e")
    assert changed.headers.wire() == b"content-length: 3\r\na: c\r\nd: e\r\n"
    assert first.head.headers.wire() == b"content-length: 3\r\na: b\r\n"


@pytest.mark.parametrize(
    "block", [b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: a", b"HTTP/1.1 100 C"]
)
def test_interim_responses_are_not_remembered(block: bytes) -> None:
    message = parse_known_response(block, method=b"GET")
    assert isinstance(message, ResponseMessage)
    assert message.memo is None


def test_a_response_to_head_is_read_for_itself() -> None:
    for method in (b"GET", b"HEAD", b"GET", b"CONNECT"):
        ours, plain = parse_known_response(OK, method=method), parse_response(OK, method=method)
        assert isinstance(ours, ResponseMessage)
        assert isinstance(plain, ResponseMessage)
        assert ours.framing == plain.framing
