"""envoy.config.endpoint.v3.ClusterLoadAssignment: a cluster's endpoints, by locality and priority."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.core import Address, Locality, Metadata
from sidecar.config.health_check import EndpointHealthCheckConfig
from sidecar.config.message import Message, Range

HealthStatus = Literal["UNKNOWN", "HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED"]
PRIORITY_MAX = 128
WEIGHT_SUM_MAX = 2**32 - 1


class Endpoint(Message, frozen=True, kw_only=True):
    """`hostname` is what auto_host_rewrite puts into the Host header."""

    address: Address
    hostname: str = ""
    health_check_config: EndpointHealthCheckConfig = EndpointHealthCheckConfig()


class LbEndpoint(Message, frozen=True, kw_only=True):
    endpoint: Endpoint
    health_status: HealthStatus = "UNKNOWN"
    metadata: Metadata | None = None
    load_balancing_weight: Annotated[int, Range(1, 2**32 - 1)] = 1


class LocalityLbEndpoints(Message, frozen=True, kw_only=True):
    locality: Locality | None = None
    lb_endpoints: tuple[LbEndpoint, ...] = ()
    load_balancing_weight: Annotated[int, Range(1, 2**32 - 1)] | None = None
    priority: Annotated[int, Range(0, PRIORITY_MAX)] = 0
    metadata: Metadata | None = None


class AssignmentPolicy(Message, frozen=True, kw_only=True):
    overprovisioning_factor: Annotated[int, Range(1, 2**32 - 1)] = 140
    """Per cent."""
    weighted_priority_health: bool = False


class ClusterLoadAssignment(Message, frozen=True, kw_only=True):
    TYPE = "envoy.config.endpoint.v3.ClusterLoadAssignment"

    cluster_name: str
    endpoints: tuple[LocalityLbEndpoints, ...] = ()
    policy: AssignmentPolicy = AssignmentPolicy()

    def problem(self) -> tuple[str, str] | None:
        sums: dict[int, int] = {}
        for index, one in enumerate(self.endpoints):
            sums[one.priority] = sums.get(one.priority, 0) + (one.load_balancing_weight or 0)
            if sums[one.priority] > WEIGHT_SUM_MAX:
                return f"endpoints[{index}].load_balancing_weight", "the sum of a priority is more than 4294967295"
            if sum(host.load_balancing_weight for host in one.lb_endpoints) > WEIGHT_SUM_MAX:
                return f"endpoints[{index}].lb_endpoints", "the sum of weights is more than 4294967295"
        return None
