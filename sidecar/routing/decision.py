"""What is to be done with one request: the compiled route it fits, and what was drawn for it.

A decision is made once a request, whatever the number of attempts. Most are the route's own constant; only what a
request's headers or chance changes makes a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sidecar.balancing.subsets import Criteria
from sidecar.config.route import Route
from sidecar.policy.cors import Cors
from sidecar.policy.fault import Fault
from sidecar.policy.route_filters import NO_FILTERS, NO_SWITCHES, RouteFilter
from sidecar.protocol.message import RequestHead, ResponseHead
from sidecar.routing.conditions import Condition
from sidecar.routing.hashing import NO_HASHING
from sidecar.routing.header_edits import HeaderEdits
from sidecar.routing.redirect import DirectResponse, Redirect
from sidecar.routing.rewrite import HostRewrite, PathRewrite, set_host, set_path
from sidecar.routing.timeouts import OVERRIDES, Budget
from sidecar.telemetry.record import ExchangeRecord


class Mirror(msgspec.Struct, frozen=True, gc=False):
    """One copy of the request, fire and forget. Empty `cluster` never comes."""

    cluster: str
    fraction: float = 1.0
    shadow_host: bool = True
    """`-shadow` is appended to the host (Envoy's default; Istio turns it off)."""
    trace_sampled: bool | None = None
    """None = as the request itself."""

    def host(self, authority: bytes) -> bytes:
        """`name:80` -> `name-shadow:80`."""
        if not self.shadow_host:
            return authority
        name, colon, port = authority.rpartition(b":")
        return b"%s-shadow:%s" % (name, port) if colon and port.isdigit() else authority + b"-shadow"


class Edits(msgspec.Struct, frozen=True, gc=False):
    """All levels' header edits of one route and cluster, in the order of application."""

    request: tuple[HeaderEdits, ...] = ()
    response: tuple[HeaderEdits, ...] = ()

    @property
    def request_reads(self) -> bool:
        """Whether values of request headers need the record."""
        return any(edits.reads for edits in self.request)

    @property
    def response_reads(self) -> bool:
        return any(edits.reads for edits in self.response)


class CompiledRoute:
    """One route of one virtual host, everything that can be decided without a request decided."""

    __slots__ = (
        "append_forwarded_host", "attempt_count_in_request", "attempt_count_in_response", "auto_host_rewrite",
        "budget", "cluster_not_found_status", "config", "decorator", "direct_response",
        "hashing", "high", "host_rewrite", "metadata", "mirrors", "name", "path_rewrite", "position",
        "redirect", "retry_limits", "upgrades", "virtual_host",
    )  # fmt: skip

    def __init__(self, config: Route, *, virtual_host: str, position: int) -> None:
        self.config = config
        self.name = config.name
        self.virtual_host = virtual_host
        self.position = position
        """Index among the virtual host's routes."""
        self.metadata: Mapping[str, Any] | None = config.metadata.filter_metadata if config.metadata else None
        self.decorator: str = config.decorator.operation if config.decorator else ""
        self.budget = Budget()
        self.retry_limits: tuple[Condition, ...] = ()
        """Requests for which none of these holds are never tried again; empty = all may be."""
        self.redirect: Redirect | None = None
        self.direct_response: DirectResponse | None = None
        self.path_rewrite: PathRewrite | None = None
        self.host_rewrite: HostRewrite | None = None
        self.auto_host_rewrite = False
        self.append_forwarded_host = False
        self.cluster_not_found_status = 503
        self.mirrors: tuple[Mirror, ...] = ()
        self.hashing = NO_HASHING
        self.high = False
        """Priority HIGH: circuit breakers and connections of its own."""
        self.upgrades: dict[str, bool] = {}
        """Lower-case upgrade type -> allowed; one that is not here is as the connection manager says."""
        self.attempt_count_in_request = False
        self.attempt_count_in_response = False

    def __repr__(self) -> str:
        return f"<route {self.name or self.position} of {self.virtual_host}>"


class RouteDecision:
    """`cluster` is "" for redirects and direct responses. Do not keep or change it: decisions are shared."""

    __slots__ = (
        "budget", "cluster", "cors", "direct_response", "edits", "fault", "mirrors", "per_filter", "plain_answers",
        "redirect", "route", "subset", "switches", "weight_host",
    )  # fmt: skip

    def __init__(
        self,
        route: CompiledRoute,
        cluster: str,
        edits: Edits,
        *,
        budget: Budget,
        mirrors: tuple[Mirror, ...] = (),
        fault: Fault | None = None,
        cors: Cors | None = None,
        per_filter: Mapping[str, RouteFilter] = NO_FILTERS,
        switches: Mapping[str, bool] = NO_SWITCHES,
        weight_host: bytes = b"",
        subset: Criteria = (),
    ) -> None:
        self.route = route
        self.cluster = cluster
        self.edits = edits
        self.budget = budget
        self.mirrors = mirrors
        self.fault = fault
        """None = the filter's own configuration holds."""
        self.cors = cors
        self.per_filter = per_filter
        self.switches = switches
        self.weight_host = weight_host
        """host_rewrite_literal of the weighted cluster, b"" = none; the route's own wins over it."""
        self.plain_answers = not edits.response and not route.attempt_count_in_response and not route.hashing
        """Whether answers are passed on as they come."""
        self.subset = subset
        """Metadata that endpoints must have, where the cluster has subsets."""
        self.redirect = route.redirect
        self.direct_response = route.direct_response

    def but(self, *, budget: Budget | None = None, mirrors: tuple[Mirror, ...] | None = None) -> RouteDecision:
        return RouteDecision(
            self.route,
            self.cluster,
            self.edits,
            budget=self.budget if budget is None else budget,
            mirrors=self.mirrors if mirrors is None else mirrors,
            fault=self.fault,
            cors=self.cors,
            per_filter=self.per_filter,
            switches=self.switches,
            weight_host=self.weight_host,
            subset=self.subset,
        )

    def edit_request(self, head: RequestHead, record: ExchangeRecord) -> None:
        """Header edits, then host, then path, as Envoy; once, before the first attempt. Changes `head`."""
        headers = head.headers
        for edits in self.edits.request:
            edits.apply(headers, head, None, record)
        if not OVERRIDES.isdisjoint(headers.index()):
            for name in OVERRIDES:
                headers.remove(name)
        route = self.route
        host = route.host_rewrite(head) if route.host_rewrite is not None else None
        if host or self.weight_host:
            set_host(head, host or self.weight_host, append_forwarded=route.append_forwarded_host)
        if route.path_rewrite is not None:
            set_path(head, route.path_rewrite(head.path))

    def edit_response(self, response: ResponseHead, request: RequestHead, record: ExchangeRecord) -> None:
        """On every answer of this route, also on redirects, direct responses and local replies."""
        for edits in self.edits.response:
            edits.apply(response.headers, request, response, record)

    def __repr__(self) -> str:
        return f"<{self.route!r} -> {self.cluster or 'answered here'}>"
