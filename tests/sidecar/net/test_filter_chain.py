"""Filter chain match, as a table in Envoy's order."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.core import CidrRange
from sidecar.config.listener import FilterChainMatch
from sidecar.net.filter_chain import ChainMatcher, Facts


def match(**fields: Any) -> FilterChainMatch:
    return FilterChainMatch(**fields)


CHAINS = [
    (match(), "any"),
    (match(destination_port=80), "80"),
    (match(destination_port=80, transport_protocol="tls"), "80 tls"),
    (match(destination_port=80, transport_protocol="tls", application_protocols=("istio",)), "80 tls istio"),
    (match(server_names=("a.test",)), "a.test"),
    (match(server_names=("*.test",)), "*.test"),
    (match(server_names=("*.b.test",)), "*.b.test"),
    (match(prefix_ranges=(CidrRange(address_prefix="10.0.0.0", prefix_len=8),)), "10/8"),
    (match(prefix_ranges=(CidrRange(address_prefix="10.1.0.0", prefix_len=16),)), "10.1/16"),
]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(1, "1.1.1.1"), "any"),
        (Facts(80, "1.1.1.1"), "80"),
        (Facts(80, "1.1.1.1", transport="tls"), "80 tls"),
        (Facts(80, "1.1.1.1", transport="tls", protocols=("h2", "istio")), "80 tls istio"),
        (Facts(1, "1.1.1.1", "a.test", "tls"), "a.test"),
        (Facts(1, "1.1.1.1", "x.test", "tls"), "*.test"),
        (Facts(1, "1.1.1.1", "x.b.test", "tls"), "*.b.test"),
        (Facts(1, "1.1.1.1", "test", "tls"), "any"),
        (Facts(1, "10.2.0.1"), "10/8"),
        (Facts(1, "10.1.0.1"), "10.1/16"),
        (Facts(1, ""), "any"),
    ],
)
def test_most_specific_first(facts: Facts, expected: str) -> None:
    assert ChainMatcher(CHAINS).find(facts) == expected


def test_default_and_none() -> None:
    only_tls = [(match(transport_protocol="tls"), "tls")]
    assert ChainMatcher(only_tls).find(Facts()) is None
    assert ChainMatcher(only_tls, "default").find(Facts()) == "default"
    assert ChainMatcher(only_tls).needs_hello
    assert not ChainMatcher([(match(), "x")]).needs_hello


def test_no_step_back() -> None:
    """A port that narrowed the chains is not left again for a better transport elsewhere (Envoy)."""
    chains = [
        (match(destination_port=80, transport_protocol="tls"), "a"),
        (match(transport_protocol="raw_buffer"), "b"),
    ]
    assert ChainMatcher(chains).find(Facts(80, "1.1.1.1")) is None


def test_bad_prefix() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        ChainMatcher([(match(prefix_ranges=(CidrRange(address_prefix="nowhere"),)), "x")])
