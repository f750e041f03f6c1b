"""The hash of a request, by which consistent balancers pick: hash_policy of a route (Envoy's HashPolicyImpl).

Each policy that finds something is rotated into the hash; a terminal one ends the search once there is one. A cookie
policy with a ttl makes the cookie where the client has none, so that it comes back to the same host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sidecar.balancing.hashes import xxhash64
from sidecar.config.route_action import HashCookie, HashPolicy
from sidecar.protocol.message import RequestHead

_MASK = 0xFFFFFFFFFFFFFFFF


class Caller(NamedTuple):
    """Who asks: address without port, and both ends of the connection as `ip:port`."""

    address: str
    remote: str
    local: str


class HashKey(NamedTuple):
    key: int | None
    """None = no policy found anything: any host."""
    cookies: tuple[bytes, ...] = ()
    """Values of set-cookie for the answer."""


Method = Callable[[RequestHead, Caller], tuple[int | None, bytes]]


class Hashing:
    """The policies of one route, compiled; falsy when there are none."""

    __slots__ = ("_methods",)

    def __init__(self, policies: Sequence[HashPolicy]) -> None:
        self._methods = tuple((_method(one), one.terminal) for one in policies)

    def __bool__(self) -> bool:
        return bool(self._methods)

    def key(self, head: RequestHead, caller: Caller) -> HashKey:
        total: int | None = None
        cookies: tuple[bytes, ...] = ()
        for method, terminal in self._methods:
            found, cookie = method(head, caller)
            if cookie:
                cookies += (cookie,)
            if found is not None:
                turned = ((total << 1) | (total >> 63)) & _MASK if total is not None else 0
                total = turned ^ found
            if terminal and total is not None:
                break
        return HashKey(total, cookies)


NO_HASHING = Hashing(())


def _method(policy: HashPolicy) -> Method:
    if policy.header is not None:
        return _header(policy.header.header_name.lower().encode())
    if policy.cookie is not None:
        return _cookie(policy.cookie)
    if policy.query_parameter is not None:
        return _parameter(policy.query_parameter.name.encode())
    wanted = policy.connection_properties is not None and policy.connection_properties.source_ip
    return _source_address if wanted else lambda head, caller: (None, b"")


def _header(name: bytes) -> Method:
    if name == b":path":
        return lambda head, caller: (xxhash64(head.path), b"")
    if name in (b":authority", b"host"):
        return lambda head, caller: (xxhash64(head.authority), b"")
    if name == b":method":
        return lambda head, caller: (xxhash64(head.method), b"")

    def by_header(head: RequestHead, caller: Caller) -> tuple[int | None, bytes]:
        values = head.headers.get_all(name)
        if not values:
            return None, b""
        total = 0
        for value in sorted(values):  # their order must not matter
            total = xxhash64(value, total)
        return total, b""

    return by_header


def _cookie(config: HashCookie) -> Method:
    name = config.name.encode()
    ending = b"".join(
        (
            b"; Max-Age=%d" % config.ttl if config.ttl and config.ttl >= 1 else b"",
            b"; Path=" + config.path.encode() if config.path else b"",
            *(b"; " + (f"{one.name}={one.value}" if one.value else one.name).encode() for one in config.attributes),
            b"; HttpOnly",
        )
    )

    def by_cookie(head: RequestHead, caller: Caller) -> tuple[int | None, bytes]:
        value = cookie_value(head, name)
        if value:
            return xxhash64(value), b""
        if config.ttl is None:
            return None, b""
        # The same for all requests of a connection: those that race get the same cookie.
        value = b"%016x" % xxhash64((caller.remote + caller.local).encode())
        return xxhash64(value), b'%s="%s"%s' % (name, value, ending)

    return by_cookie


def cookie_value(head: RequestHead, name: bytes) -> bytes:
    """Of the request's cookie; b"" = there is none. Quotes around it do not belong to it."""
    for line in head.headers.get_all(b"cookie"):
        for pair in line.split(b";"):
            key, separator, value = pair.partition(b"=")
            if separator and key.strip(b" \t") == name:
                value = value.strip(b" \t")
                return value[1:-1] if len(value) > 1 and value[:1] == value[-1:] == b'"' else value
    return b""


def _parameter(name: bytes) -> Method:
    def by_parameter(head: RequestHead, caller: Caller) -> tuple[int | None, bytes]:
        _, _, query = head.path.partition(b"?")
        for pair in query.partition(b"#")[0].split(b"&"):
            key, _, value = pair.partition(b"=")
            if key == name:
                return xxhash64(value), b""
        return None, b""

    return by_parameter


def _source_address(head: RequestHead, caller: Caller) -> tuple[int | None, bytes]:
    try:
        ipaddress.ip_address(caller.address)
    except ValueError:
        return None, b""
    return xxhash64(caller.address.encode()), b""
