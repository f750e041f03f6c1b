"""Which virtual host a Host header means: exact, then longest `*suffix`, then longest `prefix*`, then `*`.

Envoy's order (route.v3.VirtualHost.domains); letters are compared without case, the port is part of the name unless the
configuration ignores ports.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from sidecar.config.refusal import Refused

T = TypeVar("T")
MEMO_ENTRIES_MAX = 1024
"""Distinct Host headers remembered; then forgotten together, so a flood of names costs no memory."""


class HostIndex(Generic[T]):
    """Domains -> whatever stands for their virtual host."""

    __slots__ = ("_default", "_exact", "_ignore_port", "_memo", "_prefixes", "_suffixes")

    def __init__(self, entries: Iterable[tuple[tuple[str, ...], T]], *, ignore_port: bool) -> None:
        """`entries` are (domains, virtual host); a domain given twice raises `Refused`."""
        self._exact: dict[bytes, T] = {}
        self._default: T | None = None
        self._ignore_port = ignore_port
        suffixes: dict[bytes, T] = {}
        prefixes: dict[bytes, T] = {}
        for index, (domains, entry) in enumerate(entries):
            for position, domain in enumerate(domains):
                where = f"virtual_hosts[{index}].domains[{position}]"
                self._add(domain.lower().encode(), entry, suffixes=suffixes, prefixes=prefixes, where=where)
        self._suffixes = _by_length(suffixes)
        self._prefixes = _by_length(prefixes)
        self._memo: dict[bytes, T | None] = {}

    def _add(self, domain: bytes, entry: T, *, suffixes: dict[bytes, T], prefixes: dict[bytes, T], where: str) -> None:
        if domain == b"*":
            if self._default is not None:
                raise Refused("only one virtual host may have the domain *", where)
            self._default = entry
            return
        if domain.startswith(b"*"):
            chosen, key = suffixes, domain[1:]
        elif domain.endswith(b"*"):
            chosen, key = prefixes, domain[:-1]
        else:
            chosen, key = self._exact, domain
        if not key or b"*" in key:
            raise Refused("a wildcard is only allowed as the first or last character", where)
        if key in chosen:
            raise Refused(f"domain {domain.decode()} is given twice", where)
        chosen[key] = entry

    def find(self, authority: bytes) -> T | None:
        memo = self._memo
        if authority in memo:
            return memo[authority]
        if len(memo) >= MEMO_ENTRIES_MAX:
            memo.clear()
        found = memo[authority] = self._search(authority.lower())
        return found

    def _search(self, host: bytes) -> T | None:
        if self._ignore_port:
            host = without_port(host)
        found = self._exact.get(host)
        if found is not None:
            return found
        for length, suffixes in self._suffixes:
            # The star stands for at least one character.
            if length < len(host) and (found := suffixes.get(host[-length:])) is not None:
                return found
        for length, prefixes in self._prefixes:
            if length < len(host) and (found := prefixes.get(host[:length])) is not None:
                return found
        return self._default


def _by_length(entries: dict[bytes, T]) -> list[tuple[int, dict[bytes, T]]]:
    grouped: dict[int, dict[bytes, T]] = {}
    for key, entry in entries.items():
        grouped.setdefault(len(key), {})[key] = entry
    return sorted(grouped.items(), reverse=True)


def without_port(host: bytes) -> bytes:
    """`host:80` -> `host`; `[::1]:80` -> `[::1]`; a bare IPv6 address stays."""
    name, colon, port = host.rpartition(b":")
    if not colon or not port.isdigit() or (b":" in name and not name.endswith(b"]")):
        return host
    return name
