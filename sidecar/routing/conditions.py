"""Conditions of a route beside its path: header and query matchers, gRPC, a share of requests.

Each is compiled to a function of the request that says yes or no. Rules: Envoy's route.v3.HeaderMatcher and
QueryParameterMatcher. A header that came several times is matched on its values joined by a comma.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sidecar.config.matching import HeaderMatcher, Int64Range, QueryParameterMatcher, StringMatcher
from sidecar.config.refusal import Refused
from sidecar.config.route_match import RouteMatch
from sidecar.protocol.message import Headers, RequestHead
from sidecar.routing.regex import Predicate, full_match

M = TypeVar("M", HeaderMatcher, QueryParameterMatcher)
Condition = Callable[[RequestHead], bool]
INT64_DIGITS_MAX = 19
GRPC = b"application/grpc"


def string_predicate(matcher: StringMatcher) -> Predicate:
    if matcher.safe_regex is not None:
        try:
            return full_match(matcher.safe_regex)
        except Refused as refused:
            raise refused.at("safe_regex") from None
    kind = next(kind for kind in ("exact", "prefix", "suffix", "contains") if getattr(matcher, kind) is not None)
    wanted = str(getattr(matcher, kind)).encode()
    plain: dict[str, Predicate] = {
        "exact": wanted.__eq__,
        "prefix": lambda text: text.startswith(wanted),
        "suffix": lambda text: text.endswith(wanted),
        "contains": lambda text: wanted in text,
    }
    if not matcher.ignore_case:
        return plain[kind]
    wanted = wanted.lower()
    folded = wanted.__eq__ if kind == "exact" else plain[kind]
    return lambda text: folded(text.lower())


def header_condition(matcher: HeaderMatcher) -> Condition:
    """Raises `Refused`."""
    read = header_reader(matcher.name.lower().encode())
    inverted = matcher.invert_match
    if matcher.present_match is not None or (matcher.strings is None and matcher.range_match is None):
        wanted = (matcher.present_match is not False) != inverted
        return lambda head: (read(head) is not None) == wanted
    test = _in_range(matcher.range_match) if matcher.range_match is not None else _strings(matcher)
    missing_as_empty = matcher.treat_missing_header_as_empty

    def condition(head: RequestHead) -> bool:
        value = read(head)
        if value is None:
            # Envoy: such a matcher is then no match, inverted or not.
            if not missing_as_empty:
                return False
            value = b""
        return test(value) != inverted

    return condition


def headers_test(matcher: HeaderMatcher) -> Callable[[Headers], bool]:
    """A matcher of a response's headers. Raises `Refused`."""
    condition = header_condition(matcher)
    return lambda headers: condition(RequestHead(b"", b"", headers=headers))


def _strings(matcher: HeaderMatcher) -> Predicate:
    assert matcher.strings is not None
    try:
        return string_predicate(matcher.strings)
    except Refused as refused:
        if matcher.string_match is not None:
            raise refused.at("string_match") from None
        raise Refused(refused.refusal.reason, "safe_regex_match.regex") from None


def _in_range(bounds: Int64Range) -> Predicate:
    def test(text: bytes) -> bool:
        digits = text[1:] if text[:1] == b"-" else text
        # Digits only: what `int` accepts besides (blanks, underscores, a plus) is no number to Envoy.
        if not digits.isdigit() or len(digits) > INT64_DIGITS_MAX:
            return False
        return bounds.start <= int(text) < bounds.end

    return test


def header_reader(lower: bytes) -> Callable[[RequestHead], bytes | None]:
    """Pseudo headers are parts of the head; `host` is `:authority`."""
    pseudo: dict[bytes, Callable[[RequestHead], bytes | None]] = {
        b":authority": lambda head: head.authority,
        b"host": lambda head: head.authority,
        b":method": lambda head: head.method,
        b":path": lambda head: head.path,
        b":scheme": lambda head: head.scheme,
    }
    return pseudo.get(lower) or (lambda head: head.headers.get(lower))


def query_condition(matcher: QueryParameterMatcher) -> Condition:
    """The first value of the name counts, percent-decoded (Envoy); `?key` has the value ""."""
    name = matcher.name.encode()
    if matcher.string_match is None:
        wanted = matcher.present_match is not False
        return lambda head: (query_value(head.path, name) is not None) == wanted
    try:
        test = string_predicate(matcher.string_match)
    except Refused as refused:
        raise refused.at("string_match") from None

    def condition(head: RequestHead) -> bool:
        value = query_value(head.path, name)
        return value is not None and test(value)

    return condition


def query_value(path: bytes, name: bytes) -> bytes | None:
    _, found, query = path.partition(b"?")
    if not found:
        return None
    for pair in query.partition(b"#")[0].split(b"&"):
        key, _, value = pair.partition(b"=")
        if key == name or (b"%" in key and percent_decoded(key) == name):
            return percent_decoded(value)
    return None


def percent_decoded(text: bytes) -> bytes:
    """What is no escape stays as it is."""
    if b"%" not in text:
        return text
    first, *rest = text.split(b"%")
    parts = [first]
    for part in rest:
        try:
            # fromhex alone would skip blanks.
            parts.append(bytes.fromhex(part[:2].decode("ascii")) + part[2:] if part[:2].isalnum() else b"%" + part)
        except ValueError:
            parts.append(b"%" + part)
    return b"".join(parts)


def _is_grpc(head: RequestHead) -> bool:
    kind = head.headers.get(b"content-type") or b""
    return kind.startswith(GRPC) and kind[len(GRPC) : len(GRPC) + 1] in {b"", b"+", b";"}


def _share(rng: random.Random, fraction: float, _head: RequestHead) -> bool:
    return rng.random() < fraction


def compile_conditions(match: RouteMatch, rng: random.Random) -> tuple[Condition, ...]:
    """All must hold. Empty = the path decides alone. The share is drawn last, only by requests that fit otherwise."""
    found = _each("headers", match.headers, header_condition)
    found += _each("query_parameters", match.query_parameters, query_condition)
    if match.grpc is not None:
        found.append(_is_grpc)
    if match.runtime_fraction is not None:
        found.append(partial(_share, rng, match.runtime_fraction.fraction))
    return tuple(found)


def _each(field: str, matchers: tuple[M, ...], compile_one: Callable[[M], Condition]) -> list[Condition]:
    found = []
    for index, matcher in enumerate(matchers):
        try:
            found.append(compile_one(matcher))
        except Refused as refused:
            raise refused.at(f"{field}[{index}]") from None
    return found
