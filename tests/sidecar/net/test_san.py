"""Names of certificates against names that are wanted."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.matching import StringMatcher
from sidecar.config.tls import SubjectAltNameMatcher
from sidecar.net.san import NO_PEER, NameCheck, PeerNames, canonical_address, covers, matcher_of

SPIFFE = "spiffe://cluster.local/ns/a/sa/b"


@pytest.mark.parametrize(
    ("matcher", "value", "expected"),
    [
        ({"exact": SPIFFE}, SPIFFE, True),
        ({"exact": SPIFFE}, SPIFFE + "x", False),
        ({"exact": SPIFFE}, SPIFFE.upper(), False),
        ({"exact": "A", "ignore_case": True}, "a", True),
        ({"prefix": "spiffe://"}, SPIFFE, True),
        ({"suffix": "/sa/b"}, SPIFFE, True),
        ({"contains": "/ns/a/"}, SPIFFE, True),
        ({"safe_regex": {"regex": "spiffe://[a-z.]+/ns/a/.*"}}, SPIFFE, True),
        ({"safe_regex": {"regex": "/ns/a/"}}, SPIFFE, False),
        ({"safe_regex": {"regex": ".*"}}, "", False),
        ({"exact": ""}, "", False),
        ({"prefix": "x"}, "", False),
    ],
)
def test_matchers(matcher: dict[str, Any], value: str, expected: bool) -> None:
    assert matcher_of(decode(StringMatcher, matcher))(value) == expected


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("a.test", "a.test", True),
        ("A.test", "a.TEST", True),
        ("*.a.test", "b.a.test", True),
        ("*.a.test", "a.test", False),
        ("*.a.test", "c.b.a.test", False),
        ("*.a.test", ".a.test", False),
        ("b*.a.test", "bc.a.test", False),
        ("*", "a", False),
        ("", "", False),
    ],
)
def test_wildcards(pattern: str, name: str, expected: bool) -> None:
    assert covers(pattern, name) == expected


NAMES = PeerNames(
    uris=(SPIFFE,), dns=("*.a.test",), addresses=("10.0.0.1", "0:0:0:0:0:0:0:1"), emails=("me@a.test",)
)  # fmt: skip


@pytest.mark.parametrize(
    ("san_type", "matcher", "expected"),
    [
        ("URI", {"exact": SPIFFE}, True),
        ("DNS", {"exact": SPIFFE}, False),
        ("DNS", {"exact": "b.a.test"}, True),
        ("DNS", {"exact": "*.a.test"}, True),
        ("DNS", {"suffix": "a.test"}, True),
        ("DNS", {"exact": "b.c.test"}, False),
        ("EMAIL", {"exact": "me@a.test"}, True),
        ("IP_ADDRESS", {"exact": "10.0.0.1"}, True),
        ("IP_ADDRESS", {"exact": "::1"}, True),
        ("IP_ADDRESS", {"exact": "10.0.0.2"}, False),
    ],
)
def test_each_type(san_type: str, matcher: dict[str, Any], expected: bool) -> None:
    check = NameCheck([decode(SubjectAltNameMatcher, {"san_type": san_type, "matcher": matcher})], ())
    assert check
    assert check.accepts(NAMES) == expected
    assert not check.accepts(NO_PEER)


def test_any_type_and_nothing_wanted() -> None:
    assert NameCheck((), [StringMatcher(exact="me@a.test")]).accepts(NAMES)
    assert not NameCheck((), [StringMatcher(exact="you@a.test")]).accepts(NAMES)
    assert not NameCheck((), ())
    assert NameCheck((), ()).accepts(NO_PEER)


def test_addresses_are_compared_as_such() -> None:
    assert canonical_address("FE80:0:0:0:0:0:0:1") == "fe80::1"
    assert canonical_address("no") == "no"
