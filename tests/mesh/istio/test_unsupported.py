"""Fields without an effect are refused by their path."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.unsupported import at, unsupported
from mesh.istio.validation import check, validate


@pytest.mark.parametrize(
    ("kind", "spec", "path"),
    [
        (
            "DestinationRule",
            {"trafficPolicy": {"proxyProtocol": {"version": "V1"}}},
            "spec.trafficPolicy.proxyProtocol",
        ),
        (
            "DestinationRule",
            {"subsets": [{}, {"trafficPolicy": {"loadBalancer": {"warmup": {"duration": "1s"}}}}]},
            "spec.subsets[1].trafficPolicy.loadBalancer.warmup",
        ),
        ("ServiceEntry", {"resolution": "DYNAMIC_DNS"}, "spec.resolution"),
        ("Gateway", {"servers": [{"tls": {"mode": "AUTO_PASSTHROUGH"}}]}, "spec.servers[0].tls.mode"),
        ("Gateway", {"servers": [{"bind": "unix:///x"}]}, "spec.servers[0].bind"),
        (
            "VirtualService",
            {"http": [{"match": [{"headers": {"@request.auth.claims.a": {"exact": "b"}}}]}]},
            "spec.http[0].match[0].headers[@request.auth.claims.a]",
        ),
    ],
)
def test_refused_with_path(kind: str, spec: dict[str, Any], path: str) -> None:
    assert [message.path for message in unsupported({"kind": kind, "spec": spec})] == [path]


def test_values_that_mean_nothing_are_no_offence() -> None:
    assert unsupported({"kind": "ServiceEntry", "spec": {"endpoints": [{"network": ""}]}}) == ()


def test_paths_reach_through_lists() -> None:
    assert list(at({"a": [{"b": 1}, {"b": 2}, {}]}, "a[].b")) == [("a[0].b", 1), ("a[1].b", 2)]


def test_validate_adds_to_istios_verdict() -> None:
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "a"},
        "spec": {"host": "a", "trafficPolicy": {"retryBudget": {"percent": {"value": 20}}}},
    }
    assert check(rule).valid
    assert not validate(rule).valid
