"""Hosts of an assignment: names, weights, places, keys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.balancing.hosts import Health, Place
from sidecar.config.cluster import Cluster
from sidecar.config.decode import decode
from sidecar.config.endpoint import ClusterLoadAssignment
from sidecar.exchange.endpoints import Endpoints, weights_of
from sidecar.exchange.targets import Transports
from sidecar.net.sandbox import Shim
from sidecar.net.secrets import SecretStore


def endpoints(*, by_hostname: bool = False) -> Endpoints:
    loop = asyncio.get_running_loop()
    transports = Transports(
        decode(Cluster, {"name": "c"}),
        secrets=SecretStore(),
        shim=lambda path: Shim(loop, path),
        own_address="",
        resolve=lambda path: path,
    )
    return Endpoints(transports, by_hostname=by_hostname)


def one(port: int = 80, *, hostname: str = "", **fields: Any) -> dict[str, Any]:
    address = {"socket_address": {"address": "10.0.0.1", "port_value": port}}
    return {"endpoint": {"address": address, "hostname": hostname}, **fields}


def assignment(*groups: dict[str, Any], **fields: Any) -> ClusterLoadAssignment:
    return decode(ClusterLoadAssignment, {"cluster_name": "c", "endpoints": list(groups), **fields})


async def test_what_a_host_is_told() -> None:
    lb = {"filter_metadata": {"envoy.lb": {"version": "1"}}}
    group = {
        "locality": {"region": "r", "zone": "z"},
        "priority": 1,
        "lb_endpoints": [one(load_balancing_weight=7, health_status="DEGRADED", metadata=lb), one(81)],
    }
    first, second = endpoints().hosts(assignment(group))
    assert (first.weight, first.priority, first.given, first.place) == (7, 1, Health.DEGRADED, Place("r", "z"))
    assert (first.metadata, first.hash_key) == ({"version": "1"}, b"10.0.0.1:80")
    assert (second.weight, second.given, second.metadata) == (1, Health.HEALTHY, {})


@pytest.mark.parametrize(
    ("status", "health"),
    [("UNKNOWN", Health.HEALTHY), ("UNHEALTHY", Health.UNHEALTHY), ("DRAINING", Health.UNHEALTHY),
     ("TIMEOUT", Health.UNHEALTHY)],
)  # fmt: skip
async def test_health_status(status: str, health: Health) -> None:
    (host,) = endpoints().hosts(assignment({"lb_endpoints": [one(health_status=status)]}))
    assert host.given is health


@pytest.mark.parametrize(
    ("by_hostname", "hash_key", "expected"),
    [
        (False, None, b"10.0.0.1:80"),
        (True, None, b"a.test"),
        (True, "k", b"k"),
        (False, "k", b"k"),
        (False, 1, b"10.0.0.1:80"),
    ],
)
async def test_hash_keys(by_hostname: bool, hash_key: Any, expected: bytes) -> None:
    metadata = {"filter_metadata": {"envoy.lb": {"hash_key": hash_key} if hash_key is not None else {}}}
    group = {"lb_endpoints": [one(hostname="a.test", metadata=metadata)]}
    (host,) = endpoints(by_hostname=by_hostname).hosts(assignment(group))
    assert host.hash_key == expected


async def test_twice_is_once_as_said_last() -> None:
    (host,) = endpoints().hosts(assignment({"lb_endpoints": [one(), one(load_balancing_weight=3)]}))
    assert host.weight == 3


def test_weights() -> None:
    groups = [{"locality": {"zone": "a"}, "load_balancing_weight": 5}, {"locality": {"zone": "b"}, "priority": 1}]
    found = weights_of(assignment(*groups, policy={"overprovisioning_factor": 100, "weighted_priority_health": True}))
    assert found.by_locality == {(0, Place(zone="a")): 5}
    assert (found.overprovisioning, found.weighted_health) == (100, True)
