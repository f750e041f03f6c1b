"""Virtual hosts by name: exact > longest suffix > longest prefix > star."""

from __future__ import annotations

import pytest

from sidecar.config.refusal import Refused
from sidecar.routing.hosts import MEMO_ENTRIES_MAX, HostIndex, without_port

DOMAINS = [
    ("www.foo.com",), ("*.foo.com",), ("*-bar.foo.com",), ("www.foo.*",), ("www.*",), ("*",), ("Upper.Case:80",),
]  # fmt: skip


def index(*, ignore_port: bool = False) -> HostIndex[str]:
    return HostIndex([(domains, domains[0]) for domains in DOMAINS], ignore_port=ignore_port)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"www.foo.com", "www.foo.com"),
        (b"WWW.FOO.COM", "www.foo.com"),
        (b"a.foo.com", "*.foo.com"),
        (b"a.b.foo.com", "*.foo.com"),
        (b"x-bar.foo.com", "*-bar.foo.com"),
        (b"-bar.foo.com", "*.foo.com"),
        (b".foo.com", "*"),
        (b"foo.com", "*"),
        (b"www.foo.org", "www.foo.*"),
        (b"www.foo.", "www.*"),
        (b"www.other", "www.*"),
        (b"www.foo.com:80", "www.foo.*"),
        (b"upper.case:80", "Upper.Case:80"),
        (b"", "*"),
    ],
)
def test_the_order_of_envoy(host: bytes, expected: str) -> None:
    found = index()
    assert [found.find(host), found.find(host)] == [expected, expected]


def test_ports_can_be_ignored() -> None:
    assert index(ignore_port=True).find(b"www.foo.com:8080") == "www.foo.com"


def test_without_a_star_a_name_may_be_unknown() -> None:
    assert HostIndex([(("a",), 1)], ignore_port=False).find(b"b") is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"a:80", b"a"), (b"a", b"a"), (b"[::1]:80", b"[::1]"), (b"[::1]", b"[::1]"), (b"::1", b"::1"),
        (b"1.2.3.4:5", b"1.2.3.4"), (b"a:", b"a:"), (b"a:x", b"a:x"), (b"", b""),
    ],
)  # fmt: skip
def test_without_port(host: bytes, expected: bytes) -> None:
    assert without_port(host) == expected


@pytest.mark.parametrize(
    ("domains", "path"),
    [
        ([("a",), ("A",)], "virtual_hosts[1].domains[0]"),
        ([("*",), ("b", "*")], "virtual_hosts[1].domains[1]"),
        ([("a.*.b",)], "virtual_hosts[0].domains[0]"),
        ([("*.*",)], "virtual_hosts[0].domains[0]"),
    ],
)
def test_refused(domains: list[tuple[str, ...]], path: str) -> None:
    with pytest.raises(Refused) as caught:
        HostIndex([(one, one) for one in domains], ignore_port=False)
    assert caught.value.refusal.path == path


def test_a_flood_of_names_is_forgotten() -> None:
    found = index()
    for number in range(3 * MEMO_ENTRIES_MAX):
        assert found.find(b"h%d.foo.com" % number) == "*.foo.com"
    assert len(found._memo) <= MEMO_ENTRIES_MAX
