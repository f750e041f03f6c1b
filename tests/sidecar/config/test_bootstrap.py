"""Bootstraps: the files a proxy can start from alone."""

from __future__ import annotations

from typing import Any

from sidecar.config.bootstrap import Bootstrap
from sidecar.config.decode import decode
from tests.sidecar.config.tables import refusal


def test_a_small_one() -> None:
    bootstrap = decode(
        Bootstrap,
        {
            "node": {"id": "n", "cluster": "c", "metadata": {"someKey": 1}},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 15000}}},
            "static_resources": {"clusters": [{"name": "a"}]},
        },
    )
    assert bootstrap.node.metadata == {"someKey": 1}
    assert bootstrap.static_resources.clusters[0].name == "a"


def monitor(maximum: int) -> dict[str, Any]:
    kind = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {"name": "m", "typed_config": {"@type": kind, "max_active_downstream_connections": maximum}}


def test_the_number_of_connections_may_be_limited() -> None:
    overload = decode(Bootstrap, {"overload_manager": {"resource_monitors": [monitor(7)]}}).overload_manager
    assert overload is not None
    assert overload.resource_monitors[0].typed_config.max_active_downstream_connections == 7
    wrong = {"overload_manager": {"resource_monitors": [monitor(0)]}}
    assert refusal(Bootstrap, wrong).path.endswith("typed_config.max_active_downstream_connections")
    assert refusal(Bootstrap, {"overload_manager": {"resource_monitors": []}}).path.endswith("resource_monitors")
    assert refusal(Bootstrap, {"overload_manager": {"actions": []}}).path == "overload_manager.actions"


def test_refused() -> None:
    twice = {"static_resources": {"clusters": [{"name": "a"}, {"name": "a"}]}}
    assert refusal(Bootstrap, twice).path == "static_resources.clusters[1].name"
    assert refusal(Bootstrap, {"hds_config": {}}).path == "hds_config"
