"""Route configurations: virtual hosts, matches, and the path of a mistake deep inside."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.route import Route, RouteConfiguration, VirtualHost
from sidecar.config.route_match import RouteMatch
from tests.sidecar.config.tables import refusal

ROUTE = {"match": {"prefix": "/"}, "route": {"cluster": "a"}}


def test_an_empty_prefix_is_a_prefix() -> None:
    assert decode(RouteMatch, {"prefix": ""}).prefix == ""


def test_the_path_of_a_mistake() -> None:
    value = {
        "virtual_hosts": [
            {"name": "a", "domains": ["*"], "routes": [ROUTE, {**ROUTE, "match": {"prefix": "/", "foo": 1}}]}
        ]
    }
    assert str(refusal(RouteConfiguration, value)) == (
        "virtual_hosts[0].routes[1].match.foo: unknown or unsupported field"
    )


@pytest.mark.parametrize(
    ("message", "value", "path"),
    [
        (RouteMatch, {}, ""),
        (RouteMatch, {"prefix": "/", "path": "/"}, "path"),
        (RouteMatch, {"path_separated_prefix": "/a/"}, "path_separated_prefix"),
        (RouteMatch, {"connect_matcher": {}}, "connect_matcher"),
        (Route, {"match": {"prefix": "/"}}, ""),
        (Route, {**ROUTE, "direct_response": {"status": 200}}, "direct_response"),
        (Route, {"match": {"prefix": "/"}, "non_forwarding_action": {}}, "non_forwarding_action"),
        (VirtualHost, {"name": "", "domains": ["*"]}, "name"),
        (VirtualHost, {"name": "a", "domains": []}, "domains"),
        (VirtualHost, {"name": "a", "domains": ["*"], "rate_limits": []}, "rate_limits"),
        (RouteConfiguration, {"validate_clusters": True}, "validate_clusters"),
        (RouteConfiguration, {"vhds": {}}, "vhds"),
    ],
)
def test_refused(message: Any, value: dict[str, Any], path: str) -> None:
    assert refusal(message, value).path == path
