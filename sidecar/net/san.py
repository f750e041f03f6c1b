"""Names in certificates, and whether one of them is one of those wanted.

Envoy's rules (source/common/tls/utility.cc, default_validator): a wanted DNS name that is exact is also met by a
wildcard of the certificate (`*.a.test` for `b.a.test`, one label, the leftmost); everything else is compared whole, by
affix or by RE2, exactly as configured. An empty name matches nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sidecar.config.matching import StringMatcher
from sidecar.config.tls import SubjectAltNameMatcher
from sidecar.routing.regex import compiled


class PeerNames(NamedTuple):
    """Subject alternative names of a verified certificate."""

    uris: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    subject: str = ""
    digest: str = ""
    """SHA-256 of the certificate, hex."""
    emails: tuple[str, ...] = ()


NO_PEER = PeerNames()
Matches = Callable[[str], bool]


def matcher_of(config: StringMatcher) -> Matches:
    """Raises `Refused` for an expression that is none."""
    if config.safe_regex is not None:
        expression = compiled(config.safe_regex)
        return lambda value: bool(value) and expression.fullmatch(value.encode()) is not None
    fold: Callable[[str], str] = str.lower if config.ignore_case else str
    if config.exact is not None:
        exact = fold(config.exact)
        return lambda value: bool(value) and fold(value) == exact
    if config.prefix is not None:
        prefix = fold(config.prefix)
        return lambda value: bool(value) and fold(value).startswith(prefix)
    if config.suffix is not None:
        suffix = fold(config.suffix)
        return lambda value: bool(value) and fold(value).endswith(suffix)
    part = fold(config.contains or "")
    return lambda value: bool(value) and part in fold(value)


def covers(pattern: str, name: str) -> bool:
    """Whether a certificate's DNS name, perhaps a wildcard, is for `name` (RFC 6125 6.4.3)."""
    pattern, name = pattern.lower(), name.lower()
    if pattern == name:
        return bool(name)
    if not pattern.startswith("*."):
        return False
    label, dot, rest = name.partition(".")
    return bool(label) and bool(dot) and rest == pattern[2:]


def canonical_address(text: str) -> str:
    """OpenSSL writes IPv6 in full and in capitals; one that is none stays as it is."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


class NameCheck:
    """Whether one of a peer's names is one of those wanted; nothing wanted = everyone whose chain verified."""

    __slots__ = ("_any_type", "_typed")

    def __init__(self, typed: Sequence[SubjectAltNameMatcher], any_type: Sequence[StringMatcher]) -> None:
        self._typed = [(one.san_type, _typed(one)) for one in typed]
        self._any_type = [matcher_of(one) for one in any_type]

    def __bool__(self) -> bool:
        return bool(self._typed or self._any_type)

    def accepts(self, names: PeerNames) -> bool:
        if not self:
            return True
        by_type = {
            "URI": names.uris,
            "DNS": names.dns,
            "EMAIL": names.emails,
            "IP_ADDRESS": tuple(canonical_address(one) for one in names.addresses),
        }
        if any(matches(name) for kind, matches in self._typed for name in by_type[kind]):
            return True
        return any(matches(name) for matches in self._any_type for kind in by_type for name in by_type[kind])


def _typed(config: SubjectAltNameMatcher) -> Matches:
    wanted = config.matcher.exact
    if wanted is None:
        return matcher_of(config.matcher)
    if config.san_type == "DNS":
        return lambda value: covers(value, wanted)
    if config.san_type == "IP_ADDRESS":
        address = canonical_address(wanted)
        return lambda value: value == address
    return matcher_of(config.matcher)
