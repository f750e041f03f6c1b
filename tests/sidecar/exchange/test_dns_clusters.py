"""DNS clusters against a resolver that answers as it is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.config.parse import CLUSTER, parse
from sidecar.exchange.dns_clusters import DnsClusters
from sidecar.net.resolver import Resolver
from tests.sidecar.exchange.test_clusters import clusters


class Book(Resolver):
    """The real class with the last step replaced: what the name server says."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.answers: list[tuple[str, ...] | None] = []

    async def lookup(self, name: str, family: str = "AUTO") -> tuple[str, ...] | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def config(kind: str) -> ClusterConfig:
    address: dict[str, Any] = {"socket_address": {"address": "a.test", "port_value": 80}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    found = parse(
        CLUSTER,
        {
            "name": "d",
            "type": kind,
            "dns_refresh_rate": "0.2s",
            "load_assignment": {"cluster_name": "d", "endpoints": endpoints},
        },
    )
    assert isinstance(found, ClusterConfig)
    return found


@pytest.mark.parametrize(
    ("kind", "expected"), [("STRICT_DNS", ["10.0.0.1:80", "10.0.0.2:80"]), ("LOGICAL_DNS", ["10.0.0.1:80"])]
)
async def test_hosts_follow_the_name(kind: str, expected: list[str]) -> None:
    every, book = clusters(), Book()
    dns = DnsClusters(every, book)
    book.answers = [None, ("10.0.0.1", "10.0.0.2"), ("10.0.0.3",)]
    cluster = every.put(config(kind))
    dns.follow(cluster)

    async def until(*shown: str) -> None:
        async with asyncio.timeout(5):
            while [host.endpoint.shown for host in cluster.hosts.all] != list(shown):
                await asyncio.sleep(0.01)

    await until(*expected)
    assert cluster.hosts.all[0].endpoint.hostname == "a.test"
    await until("10.0.0.3:80")
    dns.close()
    book.close()
