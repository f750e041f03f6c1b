"""envoy.config.bootstrap.v3.Bootstrap: the file a proxy starts from."""

from __future__ import annotations

from typing import Annotated

from sidecar.config.access_log import AccessLog
from sidecar.config.cluster import Cluster
from sidecar.config.core import Address, ConfigSource, Node
from sidecar.config.listener import Listener
from sidecar.config.message import Mark, Message, Range
from sidecar.config.tls import Secret


class Admin(Message, frozen=True, kw_only=True):
    address: Address | None = None
    access_log: tuple[AccessLog, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        return ("access_log", "unsupported") if self.access_log else None


class StaticResources(Message, frozen=True, kw_only=True):
    listeners: tuple[Listener, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    secrets: tuple[Secret, ...] = ()


class DynamicResources(Message, frozen=True, kw_only=True):
    """Whether listeners and clusters come over the proxy's stream; where that goes is not said here."""

    lds_config: ConfigSource | None = None
    cds_config: ConfigSource | None = None


class DownstreamConnections(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"

    max_active_downstream_connections: Annotated[int, Range(1, 2**63 - 1)]


class ResourceMonitor(Message, frozen=True, kw_only=True):
    name: str
    typed_config: Annotated[DownstreamConnections, Mark.ANY]


class OverloadManager(Message, frozen=True, kw_only=True):
    """The one monitor that acts by itself: no more connections than so many, over all listeners."""

    resource_monitors: tuple[ResourceMonitor, ...]

    def problem(self) -> tuple[str, str] | None:
        return ("resource_monitors", "exactly one is supported") if len(self.resource_monitors) != 1 else None


class Bootstrap(Message, frozen=True, kw_only=True):
    TYPE = "envoy.config.bootstrap.v3.Bootstrap"

    node: Node = Node()
    admin: Admin | None = None
    static_resources: StaticResources = StaticResources()
    dynamic_resources: DynamicResources | None = None
    overload_manager: OverloadManager | None = None

    def problem(self) -> tuple[str, str] | None:
        seen: set[str] = set()
        for index, cluster in enumerate(self.static_resources.clusters):
            if cluster.name in seen:
                return f"static_resources.clusters[{index}].name", f"cluster {cluster.name} is given twice"
            seen.add(cluster.name)
        return None
