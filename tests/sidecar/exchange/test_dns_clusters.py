"""DNS clusters against a resolver that answers as it is told."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.config.parse import CLUSTER, parse
from sidecar.exchange.dns_clusters import DnsClusters, _Name, delay_s
from sidecar.net.resolver import Answer, Resolver
from tests.sidecar.exchange.test_clusters import clusters


class Book(Resolver):
    """The real class with the last step replaced: what the name server says."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.answers: list[tuple[str, ...] | None] = []

    async def lookup(self, name: str, family: str = "AUTO", *, ttl: bool = False) -> Answer | None:
        told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Answer(told) if told is not None else None


def config(kind: str, **fields: Any) -> ClusterConfig:
    address: dict[str, Any] = {"socket_address": {"address": "a.test", "port_value": 80}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    found = parse(
        CLUSTER,
        {
            "name": "d",
            "type": kind,
            "dns_refresh_rate": "0.2s",
            "load_assignment": {"cluster_name": "d", "endpoints": endpoints},
            **fields,
        },
    )
    assert isinstance(found, ClusterConfig)
    return found


@pytest.mark.parametrize(
    ("kind", "expected"), [("STRICT_DNS", ["10.0.0.1:80", "10.0.0.2:80"]), ("LOGICAL_DNS", ["10.0.0.1:80"])]
)
async def test_hosts_follow_the_name(kind: str, expected: list[str]) -> None:
    every, book = clusters(), Book()
    dns = DnsClusters(every, book, random.Random(1))
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
    counted = {name: counter.value for name, counter in cluster.stats._named.items()}
    assert (counted["update_failure"], counted["update_success"] >= 2) == (1, True)
    dns.close()
    book.close()


@pytest.mark.parametrize(
    ("fields", "state", "low", "high"),
    [
        ({}, {}, 0.2, 0.2),
        ({"dns_jitter": "3s"}, {}, 0.2, 3.2),
        ({}, {"ttl_s": 60}, 0.2, 0.2),
        ({"respect_dns_ttl": True}, {"ttl_s": 60}, 60, 60),
        ({"respect_dns_ttl": True}, {"ttl_s": 0}, 0.2, 0.2),
        ({}, {"failures": 3}, 0.2, 0.2),
        ({"dns_failure_refresh_rate": {"base_interval": "1s"}}, {"failures": 1}, 0, 1),
        ({"dns_failure_refresh_rate": {"base_interval": "1s"}}, {"failures": 3}, 0, 4),
        ({"dns_failure_refresh_rate": {"base_interval": "1s"}}, {"failures": 99}, 0, 10),
        ({"dns_failure_refresh_rate": {"base_interval": "1s", "max_interval": "2s"}}, {"failures": 99}, 0, 2),
    ],
)
def test_when_a_name_is_asked_again(fields: dict[str, Any], state: dict[str, int], low: float, high: float) -> None:
    given = config("STRICT_DNS", **fields)
    assert given.load_assignment is not None
    name = _Name(0, given.load_assignment.endpoints[0].lb_endpoints[0])
    for field, value in state.items():
        setattr(name, field, value)
    rng = random.Random(1)
    delays = [delay_s(given, name, rng) for _ in range(300)]
    assert low <= min(delays) <= low + (high - low) / 10
    assert high - (high - low) / 10 <= max(delays) <= high
