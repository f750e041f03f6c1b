"""HTTP/1 heads: what is taken and refused, the oracle's payloads, splits, mutations, h11 as a second opinion."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import (
    CHUNKED,
    HeadOptions,
    RequestMessage,
    find_head_end,
    parse_request,
)
from sidecar.protocol.http1_response import parse_response

PLAIN = HeadOptions()
OLD = HeadOptions(accept_http_10=True, default_host=b"default")
STRICT = HeadOptions(strict_escapes=True)


def parse(data: bytes, options: HeadOptions = PLAIN) -> RequestMessage | Malformed:
    """As a connection does: one CRLF ahead is forgiven, then the head, strictly."""
    data = data.removeprefix(b"\r\n")
    end = find_head_end(data, options.head_bytes_max)
    if isinstance(end, Malformed):
        return end
    return parse_request(data[:end], options) if end >= 0 else Malformed(0, "incomplete")


def status(data: bytes, options: HeadOptions = PLAIN) -> int:
    found = parse(data, options)
    return found.status if isinstance(found, Malformed) else 200


HOST = b"Host: a\r\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST, 200),
        (b"GET / HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nhost: b\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: 1\r\nHost: a\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost:\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: u@a\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a:xx\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a:99999\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n", 200),
        (b"GET http://b/x HTTP/1.1\r\n" + HOST, 200),
        (b"GET https://b/x HTTP/1.1\r\n" + HOST, 403),
        (b"GET ftp://b/x HTTP/1.1\r\n" + HOST, 400),
        (b"GET http:///x HTTP/1.1\r\n" + HOST, 400),
        (b"OPTIONS * HTTP/1.1\r\n" + HOST, 200),
        (b"GET * HTTP/1.1\r\n" + HOST, 400),
        (b"GET a HTTP/1.1\r\n" + HOST, 400),
        (b"GET /#f HTTP/1.1\r\n" + HOST, 400),
        (b"GET /a b HTTP/1.1\r\n" + HOST, 400),
        (b"GET /a\tb HTTP/1.1\r\n" + HOST, 400),
        (b"GET /\x80 HTTP/1.1\r\n" + HOST, 400),
        (b"GET /\x00 HTTP/1.1\r\n" + HOST, 400),
        (b"GET / HTTP/1.0\r\n" + HOST, 426),
        (b"GET / HTTP/0.9\r\n" + HOST, 505),
        (b"GET /\r\n" + HOST, 400),
        (b"GET / HTTP/1.2\r\n" + HOST, 200),
        (b"GET / HTTP/2.0\r\n" + HOST, 505),
        (b"PRI * HTTP/2.0\r\n", 505),
        (b"GET / http/1.1\r\n" + HOST, 400),
        (b"GET  / HTTP/1.1\r\n" + HOST, 400),
        (b"GET\t/ HTTP/1.1\r\n" + HOST, 400),
        (b"\r\nGET / HTTP/1.1\r\n" + HOST, 200),
        (b"\r\n\r\nGET / HTTP/1.1\r\n" + HOST, 400),
        (b"\nGET / HTTP/1.1\r\n" + HOST, 400),
        (b" GET / HTTP/1.1\r\n" + HOST, 400),
        (b"FOO / HTTP/1.1\r\n" + HOST, 200),
        (b"get / HTTP/1.1\r\n" + HOST, 200),
        (b"G(T / HTTP/1.1\r\n" + HOST, 400),
        (b"GET / HTTP/1.1\nHost: a\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n", 400),
        (b"GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n: a\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX\x80: a\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX_Y: a\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x80\r\n", 200),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n", 400),
        *((b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n" % bad, 400)
          for bad in (b"+3", b"-1", b"0x3", b"1_0", b"", b"18446744073709551616", b"9223372036854775808")),
        *((b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: %s\r\n" % bad, 501)
          for bad in (b"xchunked", b"identity", b"gzip, chunked", b"chunked, chunked", b"")),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n", 200),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n", 417),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 98, 200),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 100, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n", 431),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n" + HOST, 200),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n" + HOST, 414),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)  # fmt: skip
def test_requests(head: bytes, expected: int) -> None:
    assert status(head + b"\r\n") == expected


@pytest.mark.parametrize(
    ("head", "options", "expected"),
    [
        (b"GET / HTTP/1.0\r\n", OLD, 200),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", OLD, 400),
        (b"GET /%zz HTTP/1.1\r\n" + HOST, PLAIN, 200),
        (b"GET /%zz HTTP/1.1\r\n" + HOST, STRICT, 400),
        (b"GET /%00 HTTP/1.1\r\n" + HOST, STRICT, 400),
        (b"GET /%2f HTTP/1.1\r\n" + HOST, STRICT, 200),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX_Y: a\r\n", HeadOptions(underscores="REJECT_REQUEST"), 400),
        (b"GET https://b/x HTTP/1.1\r\n" + HOST, HeadOptions(scheme=b"https"), 200),
    ],
)
def test_options(head: bytes, options: HeadOptions, expected: int) -> None:
    assert status(head + b"\r\n", options) == expected


def good(head: bytes, options: HeadOptions = PLAIN) -> RequestMessage:
    found = parse(head + b"\r\n", options)
    assert isinstance(found, RequestMessage), found
    return found


def test_targets_and_hosts() -> None:
    assert good(b"GET http://B:1?q HTTP/1.1\r\nHost: a\r\n").head.authority == b"B:1"
    assert good(b"GET http://B:1?q HTTP/1.1\r\nHost: a\r\n").head.path == b"/?q"
    assert good(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n").head.authority == b"a:1"
    assert good(b"GET / HTTP/1.0\r\n", OLD).head.authority == b"default"
    assert (
        b"x_y"
        not in good(b"GET / HTTP/1.1\r\nHost: a\r\nX_Y: a\r\n", HeadOptions(underscores="DROP_HEADER")).head.headers
    )


def test_hop_by_hop_fields_are_taken_out() -> None:
    message = good(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Own\r\nX-Own: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n"
        b"TE: gzip, trailers\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Authorization: y\r\nX: kept\r\n"
    )
    assert list(message.head.headers) == [(b"Proxy-Authorization", b"y"), (b"X", b"kept"), (b"te", b"trailers")]
    assert not message.keep_alive
    assert message.upgrade == b""


def test_upgrade_is_told_but_never_h2c() -> None:
    assert good(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n").upgrade == b"websocket"
    assert good(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n").upgrade == b""
    assert good(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n").upgrade == b""


def test_framing() -> None:
    assert good(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n").framing == 7
    assert good(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n").framing == CHUNKED
    bare = good(b"POST / HTTP/1.1\r\nHost: a\r\n")
    assert (bare.framing, bare.head.headers.get(b"content-length")) == (0, b"0")


CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "h1_oracle.json"


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_oracle_nothing_envoy_refuses_is_taken() -> None:
    """What Envoy calls malformed in the head, we do; the table above holds where we are stricter."""
    surprises = []
    for row in json.loads(CASES.read_text()):
        theirs: dict[str, Any] = row["peers"]["envoy-mesh"]
        payload = base64.b64decode(row["payload_base64"])
        found = parse(payload, PLAIN)
        refused = isinstance(found, Malformed) and found.status != 0
        if theirs["status"] in ("400", "501", "431") and not refused and theirs["upstream_saw"] == []:
            surprises.append((row["name"], row["payload_preview"][:80]))
    names = {name for name, _ in surprises}
    assert not {name for name in names if not _excused(name)}, surprises


def _excused(name: str) -> bool:
    """Bodies are judged by the body reader; methods by RFC 9110; CONNECT and absolute-form later."""
    lower = name.lower()
    return any(word in lower for word in ("chunk", "method", "connect", "trailer", "body"))


VALID = b"POST /a?b=c HTTP/1.1\r\nHost: a.test:80\r\nAccept: */*\r\nContent-Length: 3\r\nConnection: te\r\nTE: trailers"


def test_split_at_every_byte_gives_the_same() -> None:
    data = VALID + b"\r\n\r\nabc"
    for cut in range(len(data)):
        first = find_head_end(data[:cut], 65536)
        assert first == (-1 if cut < len(VALID) + 4 else len(VALID))
    assert find_head_end(data, 65536) == len(VALID)


@given(st.integers(0, len(VALID) - 1), st.binary(min_size=0, max_size=3))
def test_mutations_are_refused_or_agree_with_h11(at: int, insert: bytes) -> None:
    """Whatever we take, h11 takes with the same meaning: no byte may split the two readings."""
    data = VALID[:at] + insert + VALID[at + 1 :] + b"\r\n\r\n"
    end = find_head_end(data, 65536)
    if isinstance(end, Malformed) or end < 0:
        return
    ours = parse_request(data[:end], PLAIN)
    if isinstance(ours, Malformed):
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data[: end + 4])
    try:
        theirs = connection.next_event()
    except h11.RemoteProtocolError:
        # Stricter than us only about versions (1.2…) and header names we do not give meaning to.
        assert b"HTTP/1.1\r\n" not in data[:end] or ours.framing >= 0
        return
    assert isinstance(theirs, h11.Request)
    assert theirs.method == ours.head.method
    lengths = [value for name, value in theirs.headers if name == b"content-length"]
    assert ours.framing == (int(lengths[0]) if lengths else 0) or ours.framing == CHUNKED


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_verdict(data: bytes) -> None:
    for head in (data, b"GET / HTTP/1.1\r\nHost: a\r\n" + data, b"HTTP/1.1 200 OK\r\n" + data):
        parse_request(head, PLAIN)
        parse_response(head, method=b"GET")
        find_head_end(head, 100)


def test_long_blanks_cost_linear_time() -> None:
    line = b"X:" + b" " * 60_000 + b"\x01"
    assert isinstance(parse_request(b"GET / HTTP/1.1\r\nHost: a\r\n" + line, PLAIN), Malformed)


SLASHES = b"GET /a%2Fb%5cc/../d?e=%2f HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("KEEP_UNCHANGED", (b"/d?e=%2f", False)),
        ("UNESCAPE_AND_FORWARD", (b"/a/b/d?e=%2f", False)),
        ("UNESCAPE_AND_REDIRECT", (b"/a/b/d?e=%2f", True)),
        ("REJECT_REQUEST", None),
    ],
)
def test_escaped_slashes(action: str, expected: tuple[bytes, bool] | None) -> None:
    found = parse(SLASHES, HeadOptions(normalize_path=True, escaped_slashes=action))
    if expected is None:
        assert found == Malformed(400, "path_normalization_failed")
        return
    assert isinstance(found, RequestMessage)
    assert (found.head.path, found.redirect) == expected


@pytest.mark.parametrize(
    ("authority", "expected"),
    [(b"a.b:80", b"a.b"), (b"a.b:8080", b"a.b:8080"), (b"a.b", b"a.b"), (b"[::80]", b"[::80]")],
)
def test_only_our_own_port_is_stripped(authority: bytes, expected: bytes) -> None:
    found = parse(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % authority, HeadOptions(own_port=80))
    assert isinstance(found, RequestMessage)
    assert found.head.authority == expected


def test_no_redirect_to_where_one_is() -> None:
    found = parse(b"GET /a?b=%2F HTTP/1.1\r\nHost: h\r\n\r\n", HeadOptions(escaped_slashes="UNESCAPE_AND_REDIRECT"))
    assert isinstance(found, RequestMessage)
    assert not found.redirect


@pytest.mark.parametrize(
    ("authority", "port", "dot", "expected"),
    [
        (b"a.b:80", True, False, b"a.b"),
        (b"a.b.", False, True, b"a.b"),
        (b"a.b.:443", False, True, b"a.b:443"),
        (b"a.b.:443", True, True, b"a.b"),
        (b"a.b.:443", True, False, b"a.b."),
        (b"[::1]:80", True, True, b"[::1]"),
        (b"[::1]", True, True, b"[::1]"),
    ],
)
def test_stripped_host(authority: bytes, port: bool, dot: bool, expected: bytes) -> None:
    found = parse(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % authority, HeadOptions(strip_port=port, strip_dot=dot))
    assert isinstance(found, RequestMessage)
    assert found.head.authority == expected
