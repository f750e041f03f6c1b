"""Tokens found where they are told to be, and taken away."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.jwt_authn import JwtProvider
from sidecar.policy.jwt_locations import Location, in_order, locations
from sidecar.protocol.message import Headers, RequestHead

HEADER, PARAM, COOKIE = (Location(kind, b"t") for kind in ("header", "param", "cookie"))


def head(path: bytes = b"/", *pairs: tuple[bytes, bytes]) -> RequestHead:
    return RequestHead(b"GET", path, headers=Headers(pairs))


@pytest.mark.parametrize(
    ("location", "request_head", "expected"),
    [
        (HEADER, head(b"/", (b"t", b"x.y.z")), b"x.y.z"),
        (HEADER, head(), None),
        (Location("header", b"t", b"Bearer "), head(b"/", (b"t", b"Bearer x.y.z, more")), b"x.y.z"),
        (Location("header", b"t", b"Bearer "), head(b"/", (b"t", b"Basic x")), None),
        (PARAM, head(b"/?a=1&t=x.y.z"), b"x.y.z"),
        (PARAM, head(b"/?tt=1"), None),
        (COOKIE, head(b"/", (b"cookie", b"a=b; t=x.y.z")), b"x.y.z"),
        (COOKIE, head(b"/", (b"cookie", b'a=b;t="x"')), b"x"),
        (COOKIE, head(), None),
    ],
)
def test_read(location: Location, request_head: RequestHead, expected: bytes | None) -> None:
    assert location.read(request_head) == expected


@pytest.mark.parametrize(
    ("path", "left"),
    [(b"/?t=1", b"/"), (b"/?a=1&t=2&b=3", b"/?a=1&b=3"), (b"/?a", b"/?a"), (b"/?%74=1", b"/")],
)
def test_remove(path: bytes, left: bytes) -> None:
    request = head(path, (b"t", b"1"))
    PARAM.remove(request)
    HEADER.remove(request)
    assert (request.path, request.headers.get(b"t")) == (left, None)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, [b"authorization", b"access_token"]),
        ({"from_params": ["p"]}, [b"p"]),
        ({"from_cookies": ["c"], "from_headers": [{"name": "X-T"}]}, [b"x-t", b"c"]),
    ],
)
def test_locations(fields: dict[str, Any], names: list[bytes]) -> None:
    provider = decode(JwtProvider, {"local_jwks": {"inline_string": "{}"}, **fields})
    assert [one.name for one in locations(provider)] == names


def test_order() -> None:
    assert in_order([COOKIE, PARAM, HEADER, PARAM]) == (HEADER, PARAM, COOKIE)
