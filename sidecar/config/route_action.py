"""envoy.config.route.v3: what a route does with a request, and its retries, mirrors, redirects and hashes."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.core import (
    DataSource,
    HeaderValueOption,
    Metadata,
    RuntimeFractionalPercent,
)
from sidecar.config.http_filters import CorsPolicy, PerFilterConfig
from sidecar.config.matching import HeaderMatcher, RegexMatcher
from sidecar.config.message import Duration, Int64, Mark, Message, Range, UInt32

WEIGHT_SUM_MAX = 2**32 - 1
HTTP_STATUS = Range(100, 599)
RETRY_ON = frozenset({
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx",
    "refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure",
    "cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
})  # fmt: skip


class RegexMatchAndSubstitute(Message, frozen=True, kw_only=True):
    pattern: RegexMatcher
    substitution: str = ""


class ClusterWeight(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("name", "cluster_header"),)

    name: str = ""
    cluster_header: str = ""
    weight: UInt32
    metadata_match: Metadata | None = None
    request_headers_to_add: tuple[HeaderValueOption, ...] = ()
    request_headers_to_remove: tuple[str, ...] = ()
    response_headers_to_add: tuple[HeaderValueOption, ...] = ()
    response_headers_to_remove: tuple[str, ...] = ()
    typed_per_filter_config: dict[str, PerFilterConfig] = {}
    host_rewrite_literal: str = ""

    def problem(self) -> tuple[str, str] | None:
        if self.cluster_header:
            return "cluster_header", "unsupported in weighted_clusters"
        return None


class WeightedCluster(Message, frozen=True, kw_only=True):
    clusters: tuple[ClusterWeight, ...]
    total_weight: UInt32 = 0
    """Deprecated in Envoy: shares are of the sum, whatever this says."""
    runtime_key_prefix: str = ""

    def problem(self) -> tuple[str, str] | None:
        total = sum(one.weight for one in self.clusters)
        if not self.clusters:
            return "clusters", "must not be empty"
        if not 0 < total <= WEIGHT_SUM_MAX:
            return "clusters", f"the sum of weights must be between 1 and {WEIGHT_SUM_MAX}"
        if self.total_weight and self.total_weight != total:
            return "total_weight", "must be the sum of the weights"
        return None


class PreviousHostsPredicate(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"


class RetryHostPredicate(Message, frozen=True, kw_only=True):
    name: str
    typed_config: Annotated[PreviousHostsPredicate, Mark.ANY]


class RetryBackOff(Message, frozen=True, kw_only=True):
    base_interval: Duration
    max_interval: Duration | None = None

    def problem(self) -> tuple[str, str] | None:
        if self.base_interval <= 0:
            return "base_interval", "must be positive"
        if self.max_interval is not None and self.max_interval < self.base_interval:
            return "max_interval", "must not be less than base_interval"
        return None


class ResetHeader(Message, frozen=True, kw_only=True):
    name: str
    format: Literal["SECONDS", "UNIX_TIMESTAMP"] = "SECONDS"

    def problem(self) -> tuple[str, str] | None:
        return ("name", "must not be empty") if not self.name else None


class RateLimitedRetryBackOff(Message, frozen=True, kw_only=True):
    reset_headers: tuple[ResetHeader, ...]
    max_interval: Duration = 300.0

    def problem(self) -> tuple[str, str] | None:
        if not self.reset_headers:
            return "reset_headers", "must not be empty"
        return ("max_interval", "must be positive") if self.max_interval <= 0 else None


class RetryPolicy(Message, frozen=True, kw_only=True):
    retry_on: str = ""
    num_retries: UInt32 = 1
    per_try_timeout: Duration = 0.0
    per_try_idle_timeout: Duration = 0.0
    retry_host_predicate: tuple[RetryHostPredicate, ...] = ()
    host_selection_retry_max_attempts: Int64 = 1
    retriable_status_codes: tuple[Annotated[int, HTTP_STATUS], ...] = ()
    retry_back_off: RetryBackOff | None = None
    rate_limited_retry_back_off: RateLimitedRetryBackOff | None = None
    retriable_headers: tuple[HeaderMatcher, ...] = ()
    retriable_request_headers: tuple[HeaderMatcher, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        for word in self.conditions:
            if word not in RETRY_ON:
                return "retry_on", f"unknown condition {word}"
        return None

    @property
    def conditions(self) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.retry_on.split(",") if word.strip())


class RequestMirrorPolicy(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("cluster", "cluster_header"),)

    cluster: str = ""
    cluster_header: str = ""
    runtime_fraction: RuntimeFractionalPercent | None = None
    trace_sampled: bool | None = None
    disable_shadow_host_suffix_append: bool = False


class HashHeader(Message, frozen=True, kw_only=True):
    header_name: str


class HashCookieAttribute(Message, frozen=True, kw_only=True):
    name: str
    value: str = ""


class HashCookie(Message, frozen=True, kw_only=True):
    name: str
    ttl: Duration | None = None
    """Given: a client without the cookie gets one; 0 = for its session."""
    path: str = ""
    attributes: tuple[HashCookieAttribute, ...] = ()


class HashConnectionProperties(Message, frozen=True, kw_only=True):
    source_ip: bool = False


class HashQueryParameter(Message, frozen=True, kw_only=True):
    name: str


class HashPolicy(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("header", "cookie", "connection_properties", "query_parameter"),)

    header: HashHeader | None = None
    cookie: HashCookie | None = None
    connection_properties: HashConnectionProperties | None = None
    query_parameter: HashQueryParameter | None = None
    terminal: bool = False


class UpgradeConfig(Message, frozen=True, kw_only=True):
    """Of one route: whether it lets through an upgrade that its connection manager knows."""

    upgrade_type: str
    enabled: bool = True


class MaxStreamDuration(Message, frozen=True, kw_only=True):
    max_stream_duration: Duration | None = None
    grpc_timeout_header_max: Duration | None = None
    grpc_timeout_header_offset: Duration | None = None


class RouteAction(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("cluster", "cluster_header", "weighted_clusters"),)
    AT_MOST_ONE = (
        ("prefix_rewrite", "regex_rewrite"),
        ("host_rewrite_literal", "auto_host_rewrite", "host_rewrite_header", "host_rewrite_path_regex"),
    )

    cluster: str = ""
    cluster_header: str = ""
    weighted_clusters: WeightedCluster | None = None
    cluster_not_found_response_code: Literal["SERVICE_UNAVAILABLE", "NOT_FOUND", "INTERNAL_SERVER_ERROR"] = (
        "SERVICE_UNAVAILABLE"
    )
    prefix_rewrite: str = ""
    regex_rewrite: RegexMatchAndSubstitute | None = None
    host_rewrite_literal: str = ""
    auto_host_rewrite: bool = False
    host_rewrite_header: str = ""
    host_rewrite_path_regex: RegexMatchAndSubstitute | None = None
    append_x_forwarded_host: bool = False
    timeout: Duration = 15.0
    """0 = none."""
    idle_timeout: Duration | None = None
    """None = the connection manager's stream_idle_timeout holds; 0 = none."""
    retry_policy: RetryPolicy | None = None
    request_mirror_policies: tuple[RequestMirrorPolicy, ...] = ()
    hash_policy: tuple[HashPolicy, ...] = ()
    max_stream_duration: MaxStreamDuration | None = None
    max_grpc_timeout: Duration | None = None
    grpc_timeout_offset: Duration | None = None
    upgrade_configs: tuple[UpgradeConfig, ...] = ()
    priority: Literal["DEFAULT", "HIGH"] = "DEFAULT"
    metadata_match: Metadata | None = None
    """Of `envoy.lb`: the subset of the cluster's endpoints."""
    cors: CorsPolicy | None = None
    """Deprecated place of the policy; typed_per_filter_config wins."""


class RedirectAction(Message, frozen=True, kw_only=True):
    AT_MOST_ONE = (("https_redirect", "scheme_redirect"), ("path_redirect", "prefix_rewrite", "regex_rewrite"))

    https_redirect: bool = False
    scheme_redirect: str = ""
    host_redirect: str = ""
    port_redirect: Annotated[int, Range(0, 65535)] = 0
    path_redirect: str = ""
    prefix_rewrite: str = ""
    regex_rewrite: RegexMatchAndSubstitute | None = None
    response_code: Literal["MOVED_PERMANENTLY", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT"] = (
        "MOVED_PERMANENTLY"
    )
    strip_query: bool = False


class DirectResponseAction(Message, frozen=True, kw_only=True):
    status: Annotated[int, Range(200, 599)]
    body: DataSource | None = None

    def problem(self) -> tuple[str, str] | None:
        if self.body is not None and self.body.inline is None:
            return "body", "only inline_string and inline_bytes are supported"
        return None


class Decorator(Message, frozen=True, kw_only=True):
    operation: str
    propagate: bool = True
