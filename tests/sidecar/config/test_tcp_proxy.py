"""The TCP proxy."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.tcp_proxy import TcpProxy
from tests.sidecar.config.tables import refusal


def test_defaults() -> None:
    proxy = decode(TcpProxy, {"stat_prefix": "x", "cluster": "c"})
    assert (proxy.cluster, proxy.idle_timeout) == ("c", 3600.0)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({}, ""),
        ({"weighted_clusters": {"clusters": []}}, "weighted_clusters.clusters"),
        ({"weighted_clusters": {"clusters": [{"name": "a", "weight": 0}]}}, "weighted_clusters.clusters[0].weight"),
        ({"cluster": "c", "tunneling_config": {}}, "tunneling_config"),
    ],
)
def test_refused(value: dict[str, Any], path: str) -> None:
    assert refusal(TcpProxy, {"stat_prefix": "x", **value}).path == path
