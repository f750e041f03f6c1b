"""HTTP filters: router, fault, cors, Istio's peer metadata and statistics; access rules and rate limits beside it."""

from __future__ import annotations

from typing import Annotated

from sidecar.config.buffer import Buffer, BufferPerRoute
from sidecar.config.core import FractionalPercent, RuntimeFractionalPercent
from sidecar.config.header_mutation import HeaderMutation, HeaderMutationPerRoute
from sidecar.config.jwt_authn import JwtAuthentication, JwtPerRoute
from sidecar.config.local_rate_limit import LocalRateLimit
from sidecar.config.matching import HeaderMatcher, StringMatcher
from sidecar.config.message import Duration, Mark, Message, Range, UInt32
from sidecar.config.rbac import Rbac, RbacPerRoute

HTTP_STATUS = Range(200, 599)
GRPC_STATUS = Range(0, 2**32 - 1)


class Router(Message, frozen=True, kw_only=True):
    """Always the last filter. `start_child_span` and the rest of Envoy's options are not honoured."""

    TYPE = "envoy.extensions.filters.http.router.v3.Router"

    dynamic_stats: bool = True
    suppress_envoy_headers: bool = False


class HeaderControl(Message, frozen=True, kw_only=True):
    """x-envoy-fault-* of the request says what to do; the percentage then bounds how often."""


class FaultDelay(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("fixed_delay", "header_delay"),)

    fixed_delay: Duration | None = None
    header_delay: HeaderControl | None = None
    percentage: FractionalPercent = FractionalPercent()

    def problem(self) -> tuple[str, str] | None:
        return ("fixed_delay", "must be positive") if self.fixed_delay == 0 else None


class FaultAbort(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("http_status", "grpc_status", "header_abort"),)

    http_status: Annotated[int, HTTP_STATUS] | None = None
    grpc_status: Annotated[int, GRPC_STATUS] | None = None
    header_abort: HeaderControl | None = None
    percentage: FractionalPercent = FractionalPercent()


class HTTPFault(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.fault.v3.HTTPFault"

    delay: FaultDelay | None = None
    abort: FaultAbort | None = None
    headers: tuple[HeaderMatcher, ...] = ()
    """All must match, or the request is left alone."""
    upstream_cluster: str = ""
    """Only requests for this cluster; "" = all."""
    max_active_faults: UInt32 | None = None


class Cors(Message, frozen=True, kw_only=True):
    """The filter itself; what it allows is said by the route."""

    TYPE = "envoy.extensions.filters.http.cors.v3.Cors"


class CorsPolicy(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.cors.v3.CorsPolicy"

    allow_origin_string_match: tuple[StringMatcher, ...] = ()
    allow_methods: str = ""
    allow_headers: str = ""
    expose_headers: str = ""
    max_age: str = ""
    allow_credentials: bool | None = None
    filter_enabled: RuntimeFractionalPercent | None = None
    """None = always."""
    forward_not_matching_preflights: bool = True


class PeerMetadataMethod(Message, frozen=True, kw_only=True):
    """Only the header pair; `skip_external_clusters` as Istio sends it."""

    EXACTLY_ONE = (("istio_headers",),)

    istio_headers: IstioHeaders | None = None


class IstioHeaders(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("skip_external_clusters",)

    skip_external_clusters: bool = False


class PeerMetadata(Message, frozen=True, kw_only=True):
    """Peers tell each other who they are by a header pair: which directions discover and which propagate."""

    TYPE = "io.istio.http.peer_metadata.Config"

    downstream_discovery: tuple[PeerMetadataMethod, ...] = ()
    upstream_discovery: tuple[PeerMetadataMethod, ...] = ()
    downstream_propagation: tuple[PeerMetadataMethod, ...] = ()
    upstream_propagation: tuple[PeerMetadataMethod, ...] = ()
    shared_with_upstream: bool = False


class StatsPluginConfig(Message, frozen=True, kw_only=True):
    """Istio's metrics for this connection manager."""

    TYPE = "stats.PluginConfig"

    disable_host_header_fallback: bool = False
    """True = `destination_service` is never taken from the Host header."""


HttpFilterConfig = Annotated[
    Router
    | HTTPFault
    | Cors
    | Rbac
    | LocalRateLimit
    | JwtAuthentication
    | HeaderMutation
    | Buffer
    | PeerMetadata
    | StatsPluginConfig,
    Mark.ANY,
]


class HttpFilter(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("is_optional",)

    name: str
    typed_config: HttpFilterConfig
    is_optional: bool = False
    disabled: bool = False
    """Off, but for routes that say something of it."""

    def problem(self) -> tuple[str, str] | None:
        if self.disabled and isinstance(self.typed_config, Router | PeerMetadata | StatsPluginConfig):
            return "disabled", "unsupported for this filter"
        return None


RouteFilterConfig = (
    HTTPFault | CorsPolicy | RbacPerRoute | LocalRateLimit | JwtPerRoute | HeaderMutationPerRoute | BufferPerRoute
)


class FilterConfig(Message, frozen=True, kw_only=True):
    """Switches a filter on or off, whatever kind it is."""

    TYPE = "envoy.config.route.v3.FilterConfig"
    ONLY_DEFAULT = ("is_optional",)

    config: Annotated[RouteFilterConfig | None, Mark.ANY] = None
    is_optional: bool = False
    disabled: bool = False

    def problem(self) -> tuple[str, str] | None:
        return ("config", "required") if self.config is None and not self.disabled else None


PerFilterConfig = Annotated[RouteFilterConfig | FilterConfig, Mark.ANY]
"""What a virtual host, route or weighted cluster may say of a filter, by its name; the most specific holds."""
