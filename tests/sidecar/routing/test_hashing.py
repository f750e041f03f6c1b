"""Hash policies: what is hashed, how several add up, and cookies that are made."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.balancing.hashes import xxhash64
from sidecar.config.decode import decode
from sidecar.config.route_action import HashPolicy
from sidecar.protocol.message import Headers, RequestHead
from sidecar.routing.hashing import Caller, Hashing, cookie_value

CALLER = Caller("10.0.0.1", "10.0.0.1:5000", "10.0.0.2:80")
HEADER: dict[str, Any] = {"header": {"header_name": "X-User"}}
QUERY: dict[str, Any] = {"query_parameter": {"name": "q"}}


def head(path: bytes = b"/", *headers: tuple[bytes, bytes]) -> RequestHead:
    return RequestHead(b"GET", path, authority=b"a.test", headers=Headers(headers))


def hashing(*policies: dict[str, Any]) -> Hashing:
    return Hashing([decode(HashPolicy, one) for one in policies])


def turned(value: int) -> int:
    return ((value << 1) | (value >> 63)) & (2**64 - 1)


USER, Q = xxhash64(b"u"), xxhash64(b"1")


@pytest.mark.parametrize(
    ("policies", "request_head", "key"),
    [
        ((HEADER,), head(b"/", (b"x-user", b"u")), USER),
        ((HEADER,), head(b"/", (b"x-user", b"b"), (b"x-user", b"a")), xxhash64(b"b", xxhash64(b"a"))),
        ((HEADER,), head(), None),
        ((QUERY,), head(b"/?a=1&q=1&q=2#q=3"), Q),
        ((QUERY,), head(b"/?q"), xxhash64(b"")),
        ((QUERY,), head(b"/?qq=1"), None),
        ((HEADER, QUERY), head(b"/?q=1", (b"x-user", b"u")), turned(USER) ^ Q),
        ((HEADER, QUERY), head(b"/?q=1"), Q),
        (({**HEADER, "terminal": True}, QUERY), head(b"/?q=1", (b"x-user", b"u")), USER),
        (({**HEADER, "terminal": True}, QUERY), head(b"/?q=1"), Q),
        (({"connection_properties": {"source_ip": True}},), head(), xxhash64(b"10.0.0.1")),
        (({"connection_properties": {}},), head(), None),
        (({"cookie": {"name": "c"}},), head(b"/", (b"cookie", b"c=1")), Q),
        (({"cookie": {"name": "c"}},), head(), None),
        (({"header": {"header_name": ":path"}},), head(b"/p?q"), xxhash64(b"/p?q")),
        (({"header": {"header_name": ":authority"}},), head(), xxhash64(b"a.test")),
        (({"header": {"header_name": ":method"}},), head(), xxhash64(b"GET")),
        ((), head(), None),
    ],
)
def test_keys(policies: tuple[dict[str, Any], ...], request_head: RequestHead, key: int | None) -> None:
    found = hashing(*policies).key(request_head, CALLER)
    assert found.key == key
    assert found.cookies == ()


def test_a_pipe_has_no_source_address() -> None:
    assert hashing({"connection_properties": {"source_ip": True}}).key(head(), Caller("", "", "")).key is None


@pytest.mark.parametrize(
    ("fields", "ending"),
    [
        ({"ttl": "90.5s", "path": "/p"}, b"; Max-Age=90; Path=/p; HttpOnly"),
        ({"ttl": "0s"}, b"; HttpOnly"),
        ({"ttl": "0s", "attributes": [{"name": "SameSite", "value": "Lax"}, {"name": "Secure"}]},
         b"; SameSite=Lax; Secure; HttpOnly"),
    ],
)  # fmt: skip
def test_a_made_cookie_leads_back(fields: dict[str, Any], ending: bytes) -> None:
    by_cookie = hashing({"cookie": {"name": "c", **fields}})
    key, cookies = by_cookie.key(head(), CALLER)
    value = b"%016x" % xxhash64(b"10.0.0.1:500010.0.0.2:80")
    assert cookies == (b'c="%s"%s' % (value, ending),)
    assert by_cookie.key(head(b"/", (b"cookie", b"a=b; c=" + value)), CALLER) == (key, ())


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ((b"c=1",), b"1"), ((b"a=0; c=1; c=2",), b"1"), ((b'c="1"',), b"1"), ((b'c="',), b'"'), ((b"c=",), b""),
        ((b"cc=1",), b""), ((b"c",), b""), ((b"a=b", b" c = 1 "), b"1"), ((b"c=a=b",), b"a=b"), ((), b""),
    ],
)  # fmt: skip
def test_cookie_value(lines: tuple[bytes, ...], value: bytes) -> None:
    assert cookie_value(head(b"/", *((b"cookie", line) for line in lines)), b"c") == value


def test_no_policies_are_falsy() -> None:
    assert not hashing()
    assert hashing(HEADER)
