"""All clusters: warm before use, endpoints known by name, same configuration changes nothing."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from sidecar.config.cluster import Cluster as ClusterConfig
from sidecar.config.parse import CLUSTER, parse
from sidecar.exchange.clusters import Clusters
from sidecar.exchange.guard import Guard
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.secrets import SecretStore
from sidecar.telemetry.stats import Stats
from tests.sidecar.exchange.test_cluster import EDS, assignment


def clusters() -> Clusters:
    return Clusters(
        Dispatcher(asyncio.get_running_loop()),
        secrets=SecretStore(),
        stats=Stats(),
        rng=random.Random(1),
        own_address="",
        resolve_path=lambda path: path,
        guard=Guard(on=False),
    )


def config(**fields: Any) -> ClusterConfig:
    found = parse(CLUSTER, {"name": "c", **EDS, **fields})
    assert isinstance(found, ClusterConfig)
    return found


async def test_a_cold_successor_waits_for_its_endpoints() -> None:
    every = clusters()
    first = every.put(config())
    assert every.get("c") is first
    assert every.put(config()) is first
    every.assign("c", assignment("10.0.0.1"))
    other = {"eds_cluster_config": {"eds_config": {"ads": {}}, "service_name": "other"}}
    second = every.put(config(**other))
    assert every.get("c") is first
    assert every.eds_names() == {"c", "other"}
    every.assign("other", assignment("10.0.0.2"))
    assert every.get("c") is second
    every.unassign("other")
    assert second.hosts.all == ()
    every.remove("c")
    assert every.get("c") is None
    every.close()


async def test_endpoints_that_came_first_are_not_lost() -> None:
    every = clusters()
    every.assign("c", assignment("10.0.0.1"))
    assert [host.key for host in every.put(config()).hosts.all] == ["10.0.0.1:80|10.0.0.1:80"]
    assert every.shim("/x") is every.shim("/x")
