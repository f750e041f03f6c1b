"""What a level of the routes says of a filter, compiled when the routes are: kept by the filter's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sidecar.config.buffer import BufferPerRoute
from sidecar.config.header_mutation import HeaderMutationPerRoute
from sidecar.config.http_filters import RouteFilterConfig
from sidecar.config.jwt_authn import JwtPerRoute
from sidecar.config.local_rate_limit import LocalRateLimit
from sidecar.config.rbac import Rbac, RbacPerRoute
from sidecar.config.refusal import Refused
from sidecar.policy.header_mutation import Mutations, RouteMutations
from sidecar.policy.local_rate_limit import RateLimit
from sidecar.policy.rbac import AccessRules


class AccessFilter:
    """The rules that decide and those that are only counted; None = not there."""

    __slots__ = ("rules", "shadow")

    def __init__(self, config: Rbac) -> None:
        """Raises `Refused`."""
        self.rules = _rules(config, "rules")
        self.shadow = _rules(config, "shadow_rules")


def _rules(config: Rbac, field: str) -> AccessRules | None:
    rules = getattr(config, field)
    if rules is None:
        return None
    try:
        return AccessRules(rules)
    except Refused as refused:
        raise refused.at(field) from None


class BufferLimit(NamedTuple):
    bytes_max: int
    """0 = requests are not waited for."""


class TokenNeed(NamedTuple):
    name: str
    """In the filter's requirement_map; "" = no token is needed."""


OFF = Rbac()
RouteFilter = AccessFilter | RateLimit | RouteMutations | BufferLimit | TokenNeed


def route_filter(config: RouteFilterConfig, inner: RouteFilter | None = None) -> RouteFilter | None:
    """`inner`: what a more specific level says; it holds alone, but for header mutations, which are all done.

    None = a filter that is compiled elsewhere (fault, cors). Raises `Refused`.
    """
    if isinstance(config, HeaderMutationPerRoute):
        try:
            level = Mutations(config.mutations)
        except Refused as refused:
            raise refused.at("mutations") from None
        return RouteMutations((*(inner.levels if isinstance(inner, RouteMutations) else ()), level))
    made: RouteFilter | None = None
    match config:
        case RbacPerRoute():
            try:
                made = AccessFilter(config.rbac or OFF)
            except Refused as refused:
                raise refused.at("rbac") from None
        case LocalRateLimit():
            made = RateLimit(config)
        case JwtPerRoute():
            made = TokenNeed(config.requirement_name or "")
        case BufferPerRoute():
            made = BufferLimit(config.buffer.max_request_bytes if config.buffer is not None else 0)
    return inner if inner is not None else made


NO_FILTERS: Mapping[str, RouteFilter] = {}
NO_SWITCHES: Mapping[str, bool] = {}
"""Filters that are named by a level of the route -> whether they are on."""
