"""The HTTP connection manager: everything a listener's HTTP side is told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from sidecar.config.access_log import AccessLog
from sidecar.config.core import ConfigSource
from sidecar.config.http_filters import HttpFilter, Router
from sidecar.config.local_rate_limit import LocalRateLimit
from sidecar.config.message import Duration, Mark, Message, Range, UInt32
from sidecar.config.rbac import Rbac
from sidecar.config.route import RouteConfiguration
from sidecar.config.tracing import Tracing

REQUEST_HEADERS_KIB_MAX = Range(1, 8192)

ForwardClientCertDetails = Literal["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"]


MANY = (Rbac, LocalRateLimit)
"""Filters of which there may be several, told apart by name."""


class Rds(Message, frozen=True, kw_only=True):
    config_source: ConfigSource
    route_config_name: str


class HttpProtocolOptions(Message, frozen=True, kw_only=True):
    """common_http_protocol_options, downstream and upstream."""

    idle_timeout: Duration | None = None
    """None = an hour; 0 = none."""
    max_connection_duration: Duration | None = None
    """Then the response under way is the last one; an idle connection is closed after `drain_timeout` more."""
    max_headers_count: UInt32 = 100
    max_stream_duration: Duration | None = None
    headers_with_underscores_action: Literal["ALLOW", "REJECT_REQUEST", "DROP_HEADER"] = "ALLOW"
    max_requests_per_connection: UInt32 = 0
    """0 = any number."""


class PreserveCase(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"


class StatefulFormatter(Message, frozen=True, kw_only=True):
    name: str
    typed_config: Annotated[PreserveCase, Mark.ANY]


class HeaderKeyFormat(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("stateful_formatter",),)

    stateful_formatter: StatefulFormatter | None = None


class Http1ProtocolOptions(Message, frozen=True, kw_only=True):
    """Absolute-form request targets are always understood, as RFC 9112 3.2.2 demands.

    Trailers pass when the listener's `enable_trailers` says so, both ways; towards upstreams they are always spoken.
    """

    ONLY_DEFAULT = ("allow_absolute_url",)

    allow_absolute_url: bool = True
    accept_http_10: bool = False
    default_host_for_http_10: str = ""
    enable_trailers: bool = False
    header_key_format: HeaderKeyFormat | None = None
    """Of a listener: names of requests go on as they came; of a cluster: names of responses. None = in lower case.
    Fields of one name that differ in case keep each its own; Envoy gives all of them the first one's."""


HPACK_TABLE_BYTES_MAX = 64 * 1024


class Http2ProtocolOptions(Message, frozen=True, kw_only=True):
    """Windows are smaller than Envoy's 16 and 24 MiB when they are not given: they are what a peer may make us hold."""

    hpack_table_size: UInt32 = 4096
    max_concurrent_streams: UInt32 = 1024
    initial_stream_window_size: UInt32 = 256 * 1024
    initial_connection_window_size: UInt32 = 1024 * 1024
    allow_connect: bool = False
    """Extended CONNECT (RFC 8441): WebSocket over HTTP/2."""

    def problem(self) -> tuple[str, str] | None:
        if self.hpack_table_size > HPACK_TABLE_BYTES_MAX:
            return "hpack_table_size", f"must be at most {HPACK_TABLE_BYTES_MAX}"
        if not 1 <= self.max_concurrent_streams < 2**31:
            return "max_concurrent_streams", "must be between 1 and 2147483647"
        for name in ("initial_stream_window_size", "initial_connection_window_size"):
            if not 65535 <= getattr(self, name) < 2**31:
                return name, "must be between 65535 and 2147483647"
        return None


class SetCurrentClientCertDetails(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("cert", "chain")

    subject: bool = False
    cert: bool = False
    chain: bool = False
    dns: bool = False
    uri: bool = False


class HttpUpgradeConfig(Message, frozen=True, kw_only=True):
    """`filters` for upgrades alone are not supported."""

    upgrade_type: str
    enabled: bool = True


class HttpConnectionManager(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    EXACTLY_ONE = (("rds", "route_config"),)
    AT_MOST_ONE = (("strip_matching_host_port", "strip_any_host_port"),)

    codec_type: Literal["AUTO", "HTTP1", "HTTP2"] = "AUTO"
    stat_prefix: str
    rds: Rds | None = None
    route_config: RouteConfiguration | None = None
    http_filters: tuple[HttpFilter, ...] = ()
    tracing: Tracing | None = None
    common_http_protocol_options: HttpProtocolOptions = HttpProtocolOptions()
    http_protocol_options: Http1ProtocolOptions = Http1ProtocolOptions()
    http2_protocol_options: Http2ProtocolOptions = Http2ProtocolOptions()
    server_name: str = "envoy"
    server_header_transformation: Literal["OVERWRITE", "APPEND_IF_ABSENT", "PASS_THROUGH"] = "OVERWRITE"
    max_request_headers_kb: UInt32 = 60
    stream_idle_timeout: Duration = 300.0
    request_timeout: Duration = 0.0
    """From a request's first byte to its last; 0 = none."""
    request_headers_timeout: Duration = 0.0
    """0 = none."""
    drain_timeout: Duration = 5.0
    delayed_close_timeout: Duration = 1.0
    """How long a client is given to read our last words; 0 = it is not waited for."""
    access_log: tuple[AccessLog, ...] = ()
    use_remote_address: bool = False
    xff_num_trusted_hops: UInt32 = 0
    skip_xff_append: bool = False
    via: str = ""
    generate_request_id: bool = True
    preserve_external_request_id: bool = False
    always_set_request_id_in_response: bool = False
    forward_client_cert_details: ForwardClientCertDetails = "SANITIZE"
    set_current_client_cert_details: SetCurrentClientCertDetails = SetCurrentClientCertDetails()
    proxy_100_continue: bool = False
    """False = we tell clients to go on; True = `Expect` goes to the upstream, which does."""
    upgrade_configs: tuple[HttpUpgradeConfig, ...] = ()
    normalize_path: bool = False
    merge_slashes: bool = False
    path_with_escaped_slashes_action: Literal[
        "IMPLEMENTATION_SPECIFIC_DEFAULT", "KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT",
        "UNESCAPE_AND_FORWARD",
    ] = "IMPLEMENTATION_SPECIFIC_DEFAULT"  # fmt: skip
    """Our default: leave them as they are, but refuse them at an edge (`use_remote_address`)."""
    strip_matching_host_port: bool = False
    strip_any_host_port: bool = False
    strip_trailing_host_dot: bool = False

    def problem(self) -> tuple[str, str] | None:
        if not self.stat_prefix:
            return "stat_prefix", "must not be empty"
        if not 1 <= self.max_request_headers_kb <= REQUEST_HEADERS_KIB_MAX.high:
            return "max_request_headers_kb", "must be between 1 and 8192"
        return _order_problem(self.http_filters)


def _order_problem(filters: tuple[HttpFilter, ...]) -> tuple[str, str] | None:
    """Envoy's rule: the router is the last filter and nothing else may be."""
    names: set[Any] = set()
    for index, one in enumerate(filters):
        terminal = isinstance(one.typed_config, Router)
        if terminal != (index == len(filters) - 1):
            reason = "the router must be the last filter" if terminal else "the last filter must be the router"
            return f"http_filters[{index}]", reason
        key = one.name if isinstance(one.typed_config, MANY) else type(one.typed_config)
        if key in names:
            return f"http_filters[{index}]", f"filter {one.name} is given twice"
        names.add(key)
    return None if filters else ("http_filters", "must end with the router")
