"""The TCP proxy: an opaque connection's cluster."""

from __future__ import annotations

from typing import Annotated

from sidecar.config.access_log import AccessLog
from sidecar.config.message import Duration, Message, Range, UInt32


class TcpClusterWeight(Message, frozen=True, kw_only=True):
    name: str
    weight: Annotated[int, Range(1, 2**32 - 1)]


class TcpWeightedCluster(Message, frozen=True, kw_only=True):
    clusters: tuple[TcpClusterWeight, ...]

    def problem(self) -> tuple[str, str] | None:
        return ("clusters", "must not be empty") if not self.clusters else None


class TcpProxy(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    EXACTLY_ONE = (("cluster", "weighted_clusters"),)
    ONLY_DEFAULT = ("max_downstream_connection_duration",)

    stat_prefix: str
    cluster: str = ""
    weighted_clusters: TcpWeightedCluster | None = None
    idle_timeout: Duration = 3600.0
    """0 = none."""
    access_log: tuple[AccessLog, ...] = ()
    max_connect_attempts: UInt32 = 1
    max_downstream_connection_duration: Duration | None = None
