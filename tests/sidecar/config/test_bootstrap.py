"""Bootstraps: the files a proxy can start from alone."""

from __future__ import annotations

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


def test_refused() -> None:
    twice = {"static_resources": {"clusters": [{"name": "a"}, {"name": "a"}]}}
    assert refusal(Bootstrap, twice).path == "static_resources.clusters[1].name"
    assert refusal(Bootstrap, {"hds_config": {}}).path == "hds_config"
