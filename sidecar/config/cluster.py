"""envoy.config.cluster.v3.Cluster: where endpoints come from, how one is picked, how it is spoken to."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.core import BindConfig, ConfigSource, Empty, Metadata, Percent
from sidecar.config.endpoint import ClusterLoadAssignment
from sidecar.config.http_connection_manager import Http1ProtocolOptions, HttpProtocolOptions
from sidecar.config.message import Duration, Mark, Message, Range, UInt32
from sidecar.config.transport_socket import TransportSocketMatch, UpstreamTransportSocket

LIMIT_DEFAULT = 1024
RETRIES_DEFAULT = 3
PER_CENT = Range(0, 100)


class EdsClusterConfig(Message, frozen=True, kw_only=True):
    eds_config: ConfigSource
    service_name: str = ""
    """Empty = the cluster's own name."""


class RetryBudget(Message, frozen=True, kw_only=True):
    budget_percent: Percent = Percent(value=20.0)
    min_retry_concurrency: UInt32 = 3


class Thresholds(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("retry_budget",)

    priority: Literal["DEFAULT"] = "DEFAULT"
    max_connections: UInt32 = LIMIT_DEFAULT
    max_pending_requests: UInt32 = LIMIT_DEFAULT
    max_requests: UInt32 = LIMIT_DEFAULT
    max_retries: UInt32 = RETRIES_DEFAULT
    retry_budget: RetryBudget | None = None


class CircuitBreakers(Message, frozen=True, kw_only=True):
    thresholds: tuple[Thresholds, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        return ("thresholds[1]", "given twice") if len(self.thresholds) > 1 else None


class OutlierDetection(Message, frozen=True, kw_only=True):
    """Consecutive failures only; what counts successes statistically is refused unless it is not enforced."""

    consecutive_5xx: UInt32 = 5
    """0 = off."""
    interval: Duration = 10.0
    base_ejection_time: Duration = 30.0
    max_ejection_percent: Annotated[int, PER_CENT] = 10
    enforcing_consecutive_5xx: Annotated[int, PER_CENT] = 100
    enforcing_success_rate: Annotated[int, PER_CENT] = 0
    consecutive_gateway_failure: UInt32 = 5
    enforcing_consecutive_gateway_failure: Annotated[int, PER_CENT] = 0
    split_external_local_origin_errors: bool = False
    max_ejection_time: Duration = 300.0
    always_eject_one_host: bool = False

    def problem(self) -> tuple[str, str] | None:
        if self.enforcing_success_rate:
            return "enforcing_success_rate", "unsupported: must be 0"
        if self.split_external_local_origin_errors:
            return "split_external_local_origin_errors", "unsupported"
        for field in ("enforcing_consecutive_5xx", "enforcing_consecutive_gateway_failure"):
            if getattr(self, field) not in {0, 100}:
                return field, "must be 0 or 100"
        if self.interval <= 0:
            return "interval", "must be positive"
        return None


class CommonLbConfig(Message, frozen=True, kw_only=True):
    healthy_panic_threshold: Percent = Percent(value=50.0)
    """When fewer are healthy, health is ignored; 0 = never."""
    locality_weighted_lb_config: Empty | None = None
    close_connections_on_host_set_change: bool = False

    def problem(self) -> tuple[str, str] | None:
        for field in ("locality_weighted_lb_config", "close_connections_on_host_set_change"):
            if getattr(self, field):
                return field, "unsupported"
        return None


class LeastRequestLbConfig(Message, frozen=True, kw_only=True):
    choice_count: Annotated[int, Range(2, 2**32 - 1)] = 2

    def problem(self) -> tuple[str, str] | None:
        return ("choice_count", "only 2 is supported") if self.choice_count != 2 else None


class OriginalDstLbConfig(Message, frozen=True, kw_only=True):
    """The destination is the connection's own. A port here replaces it (Istio's inbound passthrough)."""

    use_http_header: bool = False
    upstream_port_override: Annotated[int, Range(0, 65535)] = 0

    def problem(self) -> tuple[str, str] | None:
        return ("use_http_header", "unsupported") if self.use_http_header else None


class TcpKeepalive(Message, frozen=True, kw_only=True):
    """Absent fields: the operating system's. Seconds."""

    keepalive_probes: UInt32 | None = None
    keepalive_time: UInt32 | None = None
    keepalive_interval: UInt32 | None = None


class UpstreamConnectionOptions(Message, frozen=True, kw_only=True):
    tcp_keepalive: TcpKeepalive | None = None


class ExplicitHttpConfig(Message, frozen=True, kw_only=True):
    """HTTP/1.1 to endpoints."""

    EXACTLY_ONE = (("http_protocol_options",),)

    http_protocol_options: Http1ProtocolOptions | None = None


class UpstreamHttpProtocolOptions(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    EXACTLY_ONE = (("explicit_http_config",),)

    common_http_protocol_options: HttpProtocolOptions = HttpProtocolOptions()
    explicit_http_config: ExplicitHttpConfig | None = None


class Cluster(Message, frozen=True, kw_only=True):
    TYPE = "envoy.config.cluster.v3.Cluster"

    name: str
    alt_stat_name: str = ""
    type: Literal["STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"] = "STATIC"
    eds_cluster_config: EdsClusterConfig | None = None
    connect_timeout: Duration = 5.0
    per_connection_buffer_limit_bytes: UInt32 = 1024 * 1024
    lb_policy: Literal["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "CLUSTER_PROVIDED"] = "ROUND_ROBIN"
    load_assignment: ClusterLoadAssignment | None = None
    circuit_breakers: CircuitBreakers = CircuitBreakers()
    outlier_detection: OutlierDetection | None = None
    transport_socket: UpstreamTransportSocket | None = None
    transport_socket_matches: tuple[TransportSocketMatch, ...] = ()
    upstream_bind_config: BindConfig | None = None
    upstream_connection_options: UpstreamConnectionOptions | None = None
    common_lb_config: CommonLbConfig = CommonLbConfig()
    least_request_lb_config: LeastRequestLbConfig | None = None
    original_dst_lb_config: OriginalDstLbConfig | None = None
    dns_refresh_rate: Duration = 5.0
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
        if self.dns_lookup_family == "V6_ONLY":
            return "dns_lookup_family", "unsupported value V6_ONLY"
        if self.type == "EDS" and self.eds_cluster_config is None:
            return "eds_cluster_config", "required for type EDS"
        if self.type in {"EDS", "ORIGINAL_DST"} and self.load_assignment is not None:
            return "load_assignment", f"must not be set for type {self.type}"
        if (self.type == "ORIGINAL_DST") != (self.lb_policy == "CLUSTER_PROVIDED"):
            return "lb_policy", "CLUSTER_PROVIDED belongs to type ORIGINAL_DST and the reverse"
        return None

    @property
    def thresholds(self) -> Thresholds:
        return self.circuit_breakers.thresholds[0] if self.circuit_breakers.thresholds else Thresholds()

    @property
    def http_options(self) -> UpstreamHttpProtocolOptions:
        return next(iter(self.typed_extension_protocol_options.values()), UpstreamHttpProtocolOptions())

    @property
    def eds_name(self) -> str | None:
        """The ClusterLoadAssignment to subscribe to; None = not type EDS."""
        if self.type != "EDS" or self.eds_cluster_config is None:
            return None
        return self.eds_cluster_config.service_name or self.name
