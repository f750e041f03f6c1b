"""One endpoint with what is known of it now, and hosts as they are grouped by priority and locality."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

NO_METADATA: Mapping[str, Any] = {}


class Health(IntEnum):
    """Envoy's coarse health: what a balancer sees of all flags together."""

    UNHEALTHY = 0
    DEGRADED = 1
    """Used when the healthy ones do not suffice."""
    HEALTHY = 2


OVERPROVISIONING_PERCENT = 140
"""Envoy's default of an assignment's `overprovisioning_factor`."""


class Place(NamedTuple):
    """A locality."""

    region: str = ""
    zone: str = ""
    sub_zone: str = ""


NOWHERE = Place()


class Host:
    """Its identity survives updates of the cluster, with its state."""

    __slots__ = (
        "active", "ejected_until_s", "endpoint", "excluded", "failed_active", "given", "hash_key", "healthy_since_s",
        "key", "metadata", "place", "priority", "said_degraded", "success_rate", "weight",
    )  # fmt: skip

    def __init__(
        self,
        key: str,
        endpoint: Any = None,
        *,
        weight: int = 1,
        priority: int = 0,
        place: Place = NOWHERE,
        given: Health = Health.HEALTHY,
        metadata: Mapping[str, Any] = NO_METADATA,
        hash_key: bytes = b"",
    ) -> None:
        self.key = key
        self.endpoint = endpoint
        self.weight = weight
        self.priority = priority
        self.place = place
        self.given = given
        """What the configuration (EDS) says of its health."""
        self.metadata = metadata
        """`envoy.lb` of the endpoint's metadata, for subsets."""
        self.hash_key = hash_key or key.encode()
        """What consistent balancers place it by."""
        self.active = 0  # requests under way
        self.ejected_until_s = 0.0  # 0 = not ejected
        self.failed_active = False
        """Failed its active health check, or waits for the first."""
        self.said_degraded = False
        """Its health check's answer says so."""
        self.excluded = False
        """Counts neither as healthy nor as missing."""
        self.healthy_since_s: float | None = None
        """For slow start; None = not known, never slowed."""
        self.success_rate = -1.0
        """Per cent of the last interval of outlier detection; -1 = too few requests."""

    @property
    def health(self) -> Health:
        if self.ejected_until_s or self.failed_active or self.given is Health.UNHEALTHY:
            return Health.UNHEALTHY
        return Health.DEGRADED if self.said_degraded or self.given is Health.DEGRADED else Health.HEALTHY

    @property
    def usable(self) -> bool:
        return self.health is not Health.UNHEALTHY

    def take_configuration(self, other: Host) -> None:
        """What an update may change; the state stays."""
        self.endpoint, self.weight, self.priority, self.place = (
            other.endpoint,
            other.weight,
            other.priority,
            other.place,
        )
        self.given, self.metadata, self.hash_key = other.given, other.metadata, other.hash_key

    def take_state(self, other: Host) -> None:
        """Of its predecessor in an older configuration of the cluster; what active checks know is theirs to pass on."""
        self.ejected_until_s, self.healthy_since_s = other.ejected_until_s, other.healthy_since_s

    def __repr__(self) -> str:
        return f"<Host {self.key} {self.health.name.lower()} weight={self.weight} active={self.active}>"


class HostSet:
    """All hosts of a cluster; who leaves and who stays on an update."""

    __slots__ = ("all",)

    def __init__(self) -> None:
        self.all: tuple[Host, ...] = ()

    def update(self, hosts: list[Host]) -> tuple[tuple[Host, ...], tuple[Host, ...]]:
        """Replace the hosts, keeping the state of those that stay; returns those that came and those that left."""
        known = {host.key: host for host in self.all}
        present, came = [], []
        for host in hosts:
            kept = known.pop(host.key, None)
            if kept is None:
                came.append(host)
                present.append(host)
            else:
                kept.take_configuration(host)
                present.append(kept)
        self.all = tuple(present)
        return tuple(came), tuple(known.values())
