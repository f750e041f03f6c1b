"""Where requests carry tokens: headers, query parameters, cookies; and how a token is taken away again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from sidecar.config.jwt_authn import JwtProvider
from sidecar.protocol.message import RequestHead
from sidecar.routing.conditions import percent_decoded, query_value

_TOKEN = re.compile(rb"[A-Za-z0-9_.\-]+")
_COOKIES_MAX = 100
"""Pairs of one request that are looked at."""


class Location(NamedTuple):
    kind: str
    """`header`, `param` or `cookie`."""
    name: bytes
    prefix: bytes = b""

    def read(self, head: RequestHead) -> bytes | None:
        if self.kind == "param":
            return query_value(head.path, self.name)
        if self.kind == "cookie":
            return _cookie(head.headers.get(b"cookie") or b"", self.name)
        value = head.headers.get(self.name)
        if value is None or not self.prefix:
            return value
        _, found, rest = value.partition(self.prefix)
        if not found:
            return None
        token = _TOKEN.search(rest)
        return rest if token is None else token[0]

    def remove(self, head: RequestHead) -> None:
        """A provider that does not forward its tokens. Cookies stay, as in Envoy."""
        if self.kind == "header":
            head.headers.remove(self.name)
        elif self.kind == "param":
            head.path = _without(head.path, self.name)


def locations(provider: JwtProvider) -> tuple[Location, ...]:
    """Without any configured: `authorization: Bearer`, then `?access_token` (RFC 6750 2)."""
    found = [
        *(Location("header", one.name.lower().encode(), one.value_prefix.encode()) for one in provider.from_headers),
        *(Location("param", name.encode()) for name in provider.from_params),
        *(Location("cookie", name.encode()) for name in provider.from_cookies),
    ]
    return tuple(found) or (Location("header", b"authorization", b"Bearer "), Location("param", b"access_token"))


def in_order(found: Iterable[Location]) -> tuple[Location, ...]:
    """Of several providers: headers first, then parameters, then cookies, each once."""
    kinds = ("header", "param", "cookie")
    return tuple(sorted(dict.fromkeys(found), key=lambda one: kinds.index(one.kind)))


def _cookie(header: bytes, name: bytes) -> bytes | None:
    for pair in header.split(b";")[:_COOKIES_MAX]:
        key, found, value = pair.strip(b" ").partition(b"=")
        if found and key == name:
            return value[1:-1] if len(value) >= 2 and value[:1] == value[-1:] == b'"' else value
    return None


def _without(path: bytes, name: bytes) -> bytes:
    base, found, query = path.partition(b"?")
    kept = [pair for pair in query.split(b"&") if percent_decoded(pair.partition(b"=")[0]) != name]
    return b"%s?%s" % (base, b"&".join(kept)) if found and kept else base
