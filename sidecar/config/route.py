"""envoy.config.route.v3.RouteConfiguration: virtual hosts, their routes in order, and what each matches."""

from __future__ import annotations

from typing import Literal

from sidecar.config.core import Empty, HeaderValueOption, Metadata
from sidecar.config.http_filters import CorsPolicy, PerFilterConfig
from sidecar.config.message import Message, UInt32
from sidecar.config.route_action import (
    Decorator,
    DirectResponseAction,
    RedirectAction,
    RequestMirrorPolicy,
    RetryPolicy,
    RouteAction,
)
from sidecar.config.route_match import RouteMatch

DIRECT_RESPONSE_BYTES_MAX = 4096
"""Envoy's default bound of a direct response's body."""


class Route(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("route", "redirect", "direct_response", "non_forwarding_action"),)

    name: str = ""
    match: RouteMatch
    route: RouteAction | None = None
    redirect: RedirectAction | None = None
    direct_response: DirectResponseAction | None = None
    non_forwarding_action: Empty | None = None
    metadata: Metadata | None = None
    decorator: Decorator | None = None
    typed_per_filter_config: dict[str, PerFilterConfig] = {}
    request_headers_to_add: tuple[HeaderValueOption, ...] = ()
    request_headers_to_remove: tuple[str, ...] = ()
    response_headers_to_add: tuple[HeaderValueOption, ...] = ()
    response_headers_to_remove: tuple[str, ...] = ()
    stat_prefix: str = ""

    def problem(self) -> tuple[str, str] | None:
        return ("non_forwarding_action", "unsupported") if self.non_forwarding_action is not None else None


class VirtualHost(Message, frozen=True, kw_only=True):
    name: str
    domains: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    request_headers_to_add: tuple[HeaderValueOption, ...] = ()
    request_headers_to_remove: tuple[str, ...] = ()
    response_headers_to_add: tuple[HeaderValueOption, ...] = ()
    response_headers_to_remove: tuple[str, ...] = ()
    typed_per_filter_config: dict[str, PerFilterConfig] = {}
    require_tls: Literal["NONE", "EXTERNAL_ONLY", "ALL"] = "NONE"
    retry_policy: RetryPolicy | None = None
    request_mirror_policies: tuple[RequestMirrorPolicy, ...] = ()
    include_request_attempt_count: bool = False
    include_attempt_count_in_response: bool = False
    cors: CorsPolicy | None = None
    metadata: Metadata | None = None

    def problem(self) -> tuple[str, str] | None:
        if not self.name:
            return "name", "must not be empty"
        if not self.domains:
            return "domains", "must not be empty"
        return None


class RouteConfiguration(Message, frozen=True, kw_only=True):
    TYPE = "envoy.config.route.v3.RouteConfiguration"

    name: str = ""
    virtual_hosts: tuple[VirtualHost, ...] = ()
    request_headers_to_add: tuple[HeaderValueOption, ...] = ()
    request_headers_to_remove: tuple[str, ...] = ()
    response_headers_to_add: tuple[HeaderValueOption, ...] = ()
    response_headers_to_remove: tuple[str, ...] = ()
    most_specific_header_mutations_wins: bool = False
    validate_clusters: bool = False
    max_direct_response_body_size_bytes: UInt32 = DIRECT_RESPONSE_BYTES_MAX
    ignore_port_in_host_matching: bool = False
    request_mirror_policies: tuple[RequestMirrorPolicy, ...] = ()
    typed_per_filter_config: dict[str, PerFilterConfig] = {}
    metadata: Metadata | None = None

    def problem(self) -> tuple[str, str] | None:
        # Clusters come and go by themselves: a route to an unknown one answers 503 with flag NC.
        return ("validate_clusters", "unsupported") if self.validate_clusters else None
