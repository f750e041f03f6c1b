"""Short names, wildcards and specificity as tables."""

from __future__ import annotations

import pytest

from mesh.istio.hosts import covers, fully_qualified, intersection, most_specific, overlap, server_host, service_host


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("reviews", "reviews.shop.svc.cluster.local"),
        ("Reviews", "reviews.shop.svc.cluster.local"),
        ("reviews.other", "reviews.other"),
        ("*", "*"),
        ("*.example.com", "*.example.com"),
        ("", ""),
    ],
)
def test_a_short_name_is_of_the_rules_namespace(host: str, expected: str) -> None:
    assert fully_qualified(host, "shop") == expected


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("*", "a.b", True),
        ("*.foo.com", "a.foo.com", True),
        ("*.foo.com", "a.b.foo.com", True),
        ("*.foo.com", "foo.com", False),
        ("*.foo.com", "*.b.foo.com", True),
        ("*.b.foo.com", "*.foo.com", False),
        ("*foo.com", "barfoo.com", True),
        ("a.com", "a.com", True),
        ("a.com", "b.com", False),
        ("a.com", "*", False),
    ],
)
def test_covers(pattern: str, host: str, expected: bool) -> None:
    assert covers(pattern, host) is expected
    assert overlap(pattern, host) is (expected or covers(host, pattern))


def test_the_most_specific_pattern_wins() -> None:
    patterns = ["*", "*.com", "*.foo.com", "a.foo.com"]
    assert most_specific("a.foo.com", patterns) == "a.foo.com"
    assert most_specific("b.foo.com", patterns) == "*.foo.com"
    assert most_specific("b.org", ["*.com"]) is None


def test_intersection_takes_the_narrower_name() -> None:
    assert intersection(["*.foo.com"], ["a.foo.com", "b.org"]) == ["a.foo.com"]
    assert intersection(["a.foo.com", "b.foo.com"], ["*"]) == ["a.foo.com", "b.foo.com"]


def test_a_server_host_may_name_a_namespace() -> None:
    assert server_host("a.com", "gw") == ("*", "a.com")
    assert server_host("./A.com", "gw") == ("gw", "a.com")
    assert server_host("ns1/*", "gw") == ("ns1", "*")


def test_a_services_host() -> None:
    assert service_host("reviews", "shop") == "reviews.shop.svc.cluster.local"
