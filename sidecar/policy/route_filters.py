"""What a level of the routes says of a filter, compiled when the routes are: kept by the filter's name."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.config.http_filters import CorsPolicy, HTTPFault
from sidecar.config.local_rate_limit import LocalRateLimit
from sidecar.config.rbac import Rbac, RbacPerRoute
from sidecar.config.refusal import Refused
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


OFF = Rbac()
RouteFilter = AccessFilter | RateLimit
RouteFilterConfig = HTTPFault | CorsPolicy | RbacPerRoute | LocalRateLimit


def route_filter(config: RouteFilterConfig) -> RouteFilter | None:
    """None = a filter that is compiled elsewhere (fault, cors). Raises `Refused`."""
    if isinstance(config, RbacPerRoute):
        try:
            return AccessFilter(config.rbac or OFF)
        except Refused as refused:
            raise refused.at("rbac") from None
    return RateLimit(config) if isinstance(config, LocalRateLimit) else None


NO_FILTERS: Mapping[str, RouteFilter] = {}
