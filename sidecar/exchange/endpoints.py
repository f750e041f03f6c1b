"""From a ClusterLoadAssignment to hosts: how each is reached, what it is called, how it is weighed."""

from __future__ import annotations

from typing import NamedTuple

from sidecar.balancing.balancer import Weights
from sidecar.balancing.hosts import NO_METADATA, NOWHERE, Health, Host, Place
from sidecar.config.core import Metadata
from sidecar.config.endpoint import ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints
from sidecar.exchange.targets import MATCH_METADATA, Transports, endpoint, original_destination
from sidecar.net.dial import Plan
from sidecar.telemetry.record import Peer

LB_METADATA = "envoy.lb"
_HEALTH = {"UNKNOWN": Health.HEALTHY, "HEALTHY": Health.HEALTHY, "DEGRADED": Health.DEGRADED}
_UNKNOWN = ["", "", "", "", ""]


class Destination(NamedTuple):
    """What is known of one host beyond its state: how to reach it and how to name it."""

    plan: Plan
    shown: str
    """`ip:port`, what it stands for if it is a pipe."""
    hostname: str = ""
    tls: bool = False
    in_mesh: bool = False
    """Its sidecar is spoken to (endpoint metadata `tlsMode: istio`)."""
    peer: Peer | None = None
    config: LbEndpoint | None = None


class Endpoints:
    """Makes the hosts of one cluster."""

    __slots__ = ("_by_hostname", "_transports")

    def __init__(self, transports: Transports, *, by_hostname: bool) -> None:
        self._transports = transports
        self._by_hostname = by_hostname
        """Consistent balancers place hosts by their names, not by their addresses."""

    def hosts(self, assignment: ClusterLoadAssignment) -> list[Host]:
        """In the order given; who is there twice is there once, as it was said last."""
        found = {}
        for locality in assignment.endpoints:
            for one in locality.lb_endpoints:
                host = self._host(one, locality)
                found[host.key] = host
        return list(found.values())

    def _host(self, one: LbEndpoint, locality: LocalityLbEndpoints) -> Host:
        destination = self._destination(one)
        lb = one.metadata.of(LB_METADATA) if one.metadata is not None else NO_METADATA
        hash_key = lb.get("hash_key")
        if not isinstance(hash_key, str) or not hash_key:
            hash_key = one.endpoint.hostname if self._by_hostname else str(destination.plan.target)
        return Host(
            f"{destination.shown}|{destination.plan.target}",
            destination,
            weight=one.load_balancing_weight,
            priority=locality.priority,
            place=place_of(locality),
            given=_HEALTH.get(one.health_status, Health.UNHEALTHY),
            metadata=lb,
            hash_key=hash_key.encode(),
        )

    def again(self, host: Host) -> Host:
        """The same endpoint by this cluster's transports."""
        config: LbEndpoint = host.endpoint.config
        made = Host(host.key, self._destination(config))
        endpoint_now = made.endpoint
        made.take_configuration(host)
        made.endpoint = endpoint_now
        return made

    def _destination(self, one: LbEndpoint) -> Destination:
        plan = self._transports.plan(one.endpoint.address, one.metadata, one.endpoint.hostname)
        stands_for = original_destination(one.metadata) or endpoint(one.endpoint.address)
        return Destination(
            plan,
            str(stands_for),
            hostname=one.endpoint.hostname,
            tls=plan.tls is not None,
            in_mesh=one.metadata is not None and one.metadata.of(MATCH_METADATA).get("tlsMode") == "istio",
            peer=peer_of(one.metadata),
            config=one,
        )


def place_of(locality: LocalityLbEndpoints) -> Place:
    given = locality.locality
    return NOWHERE if given is None else Place(given.region, given.zone, given.sub_zone)


def weights_of(assignment: ClusterLoadAssignment) -> Weights:
    by_locality: dict[tuple[int, Place], int] = {}
    for one in assignment.endpoints:
        if one.load_balancing_weight is not None:
            by_locality[one.priority, place_of(one)] = one.load_balancing_weight
    policy = assignment.policy
    return Weights(
        by_locality,
        overprovisioning=policy.overprovisioning_factor,
        weighted_health=policy.weighted_priority_health,
    )


def peer_of(metadata: Metadata | None) -> Peer | None:
    """Istio's endpoint metadata: `workload;namespace;canonical name;canonical revision;cluster`."""
    if metadata is None:
        return None
    text = metadata.of("istio").get("workload")
    if not isinstance(text, str):
        return None
    parts = [*text.split(";"), *_UNKNOWN][:5]
    workload, namespace, name, revision, cluster = (part or "unknown" for part in parts)
    return Peer(workload, namespace, name, revision if parts[3] else "latest", cluster, name, revision)
