"""envoy.config.route.v3.RouteMatch: which requests a route, or a filter's rule, is for."""

from __future__ import annotations

from sidecar.config.core import Empty, RuntimeFractionalPercent
from sidecar.config.matching import HeaderMatcher, QueryParameterMatcher, RegexMatcher
from sidecar.config.message import Message


class RouteMatch(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("prefix", "path", "safe_regex", "path_separated_prefix"),)

    prefix: str | None = None
    path: str | None = None
    safe_regex: RegexMatcher | None = None
    path_separated_prefix: str | None = None
    case_sensitive: bool = True
    runtime_fraction: RuntimeFractionalPercent | None = None
    headers: tuple[HeaderMatcher, ...] = ()
    query_parameters: tuple[QueryParameterMatcher, ...] = ()
    grpc: Empty | None = None

    def problem(self) -> tuple[str, str] | None:
        separated = self.path_separated_prefix
        if separated is not None and (not separated.startswith("/") or separated.endswith("/")):
            return "path_separated_prefix", "must start with / and not end with it"
        return None
