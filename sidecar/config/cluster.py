"""envoy.config.cluster.v3.Cluster: where endpoints come from, how one is picked, how it is spoken to."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.circuit_breakers import CircuitBreakers, OutlierDetection
from sidecar.config.core import BindConfig, ConfigSource, Metadata
from sidecar.config.endpoint import ClusterLoadAssignment
from sidecar.config.health_check import HealthCheck
from sidecar.config.http_connection_manager import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from sidecar.config.load_balancing import (
    CommonLbConfig,
    LbSubsetConfig,
    LeastRequestLbConfig,
    MaglevLbConfig,
    OriginalDstLbConfig,
    RingHashLbConfig,
    RoundRobinLbConfig,
)
from sidecar.config.message import Duration, Mark, Message, UInt32
from sidecar.config.transport_socket import TransportSocketMatch, UpstreamTransportSocket

LbPolicy = Literal["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "RING_HASH", "MAGLEV", "CLUSTER_PROVIDED"]


class EdsClusterConfig(Message, frozen=True, kw_only=True):
    eds_config: ConfigSource
    service_name: str = ""
    """Empty = the cluster's own name."""


class RefreshRate(Message, frozen=True, kw_only=True):
    """Back-off after failed lookups. Without a maximum it is ten times the base."""

    base_interval: Duration
    max_interval: Duration | None = None

    def problem(self) -> tuple[str, str] | None:
        if self.base_interval <= 0:
            return "base_interval", "must be positive"
        if self.max_interval is not None and self.max_interval < self.base_interval:
            return "max_interval", "must not be less than base_interval"
        return None


class TcpKeepalive(Message, frozen=True, kw_only=True):
    """Absent fields: the operating system's. Seconds."""

    keepalive_probes: UInt32 | None = None
    keepalive_time: UInt32 | None = None
    keepalive_interval: UInt32 | None = None


class UpstreamConnectionOptions(Message, frozen=True, kw_only=True):
    tcp_keepalive: TcpKeepalive | None = None


class ExplicitHttpConfig(Message, frozen=True, kw_only=True):
    """HTTP/1.1 or HTTP/2 to endpoints."""

    EXACTLY_ONE = (("http_protocol_options", "http2_protocol_options"),)

    http_protocol_options: Http1ProtocolOptions | None = None
    http2_protocol_options: Http2ProtocolOptions | None = None
    """By prior knowledge; over TLS, `alpn_protocols` should say `h2`."""

    def problem(self) -> tuple[str, str] | None:
        if self.http2_protocol_options is not None and self.http2_protocol_options.allow_connect:
            return "http2_protocol_options.allow_connect", "upgrades towards HTTP/2 endpoints are not supported"
        return None


class AutomaticNames(Message, frozen=True, kw_only=True):
    """envoy.config.core.v3.UpstreamHttpProtocolOptions: the server name of TLS is taken from each request."""

    auto_sni: bool = False
    auto_san_validation: bool = False
    """And one of the certificate's names must be it."""
    override_auto_sni_header: str = ""

    def problem(self) -> tuple[str, str] | None:
        if self.auto_san_validation and not self.auto_sni:
            return "auto_san_validation", "needs auto_sni"
        return None

    @property
    def sni_header(self) -> bytes:
        """Lower case; b"" = none."""
        return (self.override_auto_sni_header.lower() or ":authority").encode() if self.auto_sni else b""


class UpstreamHttpProtocolOptions(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    EXACTLY_ONE = (("explicit_http_config",),)

    common_http_protocol_options: HttpProtocolOptions = HttpProtocolOptions()
    upstream_http_protocol_options: AutomaticNames | None = None
    explicit_http_config: ExplicitHttpConfig | None = None

    @property
    def keeps_case(self) -> bool:
        """Whether the names of response fields go on as they came."""
        explicit = self.explicit_http_config
        options = explicit.http_protocol_options if explicit is not None else None
        return options is not None and options.header_key_format is not None


class Cluster(Message, frozen=True, kw_only=True):
    TYPE = "envoy.config.cluster.v3.Cluster"
    AT_MOST_ONE = (
        (
            "round_robin_lb_config", "least_request_lb_config", "ring_hash_lb_config", "maglev_lb_config",
            "original_dst_lb_config",
        ),
    )  # fmt: skip

    name: str
    alt_stat_name: str = ""
    type: Literal["STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"] = "STATIC"
    eds_cluster_config: EdsClusterConfig | None = None
    connect_timeout: Duration = 5.0
    per_connection_buffer_limit_bytes: UInt32 = 1024 * 1024
    lb_policy: LbPolicy = "ROUND_ROBIN"
    load_assignment: ClusterLoadAssignment | None = None
    circuit_breakers: CircuitBreakers = CircuitBreakers()
    outlier_detection: OutlierDetection | None = None
    health_checks: tuple[HealthCheck, ...] = ()
    close_connections_on_host_health_failure: bool = False
    transport_socket: UpstreamTransportSocket | None = None
    transport_socket_matches: tuple[TransportSocketMatch, ...] = ()
    upstream_bind_config: BindConfig | None = None
    upstream_connection_options: UpstreamConnectionOptions | None = None
    common_lb_config: CommonLbConfig = CommonLbConfig()
    lb_subset_config: LbSubsetConfig | None = None
    round_robin_lb_config: RoundRobinLbConfig | None = None
    least_request_lb_config: LeastRequestLbConfig | None = None
    ring_hash_lb_config: RingHashLbConfig | None = None
    maglev_lb_config: MaglevLbConfig | None = None
    original_dst_lb_config: OriginalDstLbConfig | None = None
    dns_refresh_rate: Duration = 5.0
    dns_failure_refresh_rate: RefreshRate | None = None
    dns_jitter: Duration = 0.0
    respect_dns_ttl: bool = False
    dns_lookup_family: Literal["AUTO", "V4_ONLY", "V4_PREFERRED", "ALL", "V6_ONLY"] = "AUTO"
    max_requests_per_connection: UInt32 = 0
    typed_extension_protocol_options: dict[str, Annotated[UpstreamHttpProtocolOptions, Mark.ANY]] = {}
    metadata: Metadata | None = None
    cleanup_interval: Duration = 5.0

    def problem(self) -> tuple[str, str] | None:
        if not self.name:
            return "name", "must not be empty"
        if self.connect_timeout <= 0:
            return "connect_timeout", "must be positive"
        if self.type == "LOGICAL_DNS" and self.endpoints != 1:
            return "load_assignment", "must have one endpoint for type LOGICAL_DNS"
        if len(self.health_checks) > 1:
            return "health_checks[1]", "only one is supported"
        if self.health_checks and self.type == "ORIGINAL_DST":
            return "health_checks", "must not be set for type ORIGINAL_DST"
        if self.type == "EDS" and self.eds_cluster_config is None:
            return "eds_cluster_config", "required for type EDS"
        if self.type in {"EDS", "ORIGINAL_DST"} and self.load_assignment is not None:
            return "load_assignment", f"must not be set for type {self.type}"
        if (self.type == "ORIGINAL_DST") != (self.lb_policy == "CLUSTER_PROVIDED"):
            return "lb_policy", "CLUSTER_PROVIDED belongs to type ORIGINAL_DST and the reverse"
        if self.type == "ORIGINAL_DST" and self.lb_subset_config is not None:
            return "lb_subset_config", "must not be set for type ORIGINAL_DST"
        return None

    @property
    def endpoints(self) -> int:
        """Endpoints of its own assignment."""
        assignment = self.load_assignment
        return sum(len(one.lb_endpoints) for one in assignment.endpoints) if assignment is not None else 0

    @property
    def http_options(self) -> UpstreamHttpProtocolOptions:
        return next(iter(self.typed_extension_protocol_options.values()), UpstreamHttpProtocolOptions())

    @property
    def eds_name(self) -> str | None:
        """The ClusterLoadAssignment to subscribe to; None = not type EDS."""
        if self.type != "EDS" or self.eds_cluster_config is None:
            return None
        return self.eds_cluster_config.service_name or self.name
